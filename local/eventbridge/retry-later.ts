import { backoffMs } from '../../shared/retry.ts';
import { bury, type ExhaustedCondition } from './bury.ts';
import type { Failure, Parcel, ShippingContext } from './shipping.ts';

/** What holds for a target without a retry policy. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html */
export const DEFAULT_RETRY_POLICY = { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 } as const;

/** Backoff of retries; EventBridge does not publish its own. */
const BACKOFF = { backoffBaseMs: 1_000, backoffCapMs: 300_000 } as const;

/**
 * Tries a parcel again in the background, with backoff by the stack's clock, until it arrives, fails for good, or
 * has had all its tries or time; then it is buried. When the stack closes, parcels that still wait are dropped.
 */
export function retryLater(
  parcel: Parcel,
  failure: Failure,
  context: ShippingContext,
  ship: (parcel: Parcel, context: ShippingContext) => Promise<Failure | undefined>,
): void {
  const { background, closing, logger } = context;
  const work = retry(parcel, failure, context, ship)
    .catch((error: unknown) => {
      const fields = { rule: parcel.rule.name, targetArn: parcel.target.Arn };
      if (closing.aborted) logger.warn(fields, 'event dropped: the stack closed before its next try');
      else logger.error({ ...fields, err: error }, 'event dropped: its retry broke');
    })
    .finally(() => background.delete(work));
  background.add(work);
}

async function retry(
  parcel: Parcel,
  first: Failure,
  context: ShippingContext,
  ship: (parcel: Parcel, context: ShippingContext) => Promise<Failure | undefined>,
): Promise<void> {
  const { clock, random, closing } = context;
  const policy = { ...DEFAULT_RETRY_POLICY, ...parcel.target.RetryPolicy };
  const expiresAtMs = parcel.ingestedAtMs + policy.MaximumEventAgeInSeconds * 1_000;
  let failure = first;
  for (let retryAttempts = 0; ; retryAttempts += 1) {
    const waitMs = backoffMs(retryAttempts + 1, BACKOFF, random);
    const spent = retryAttempts >= policy.MaximumRetryAttempts;
    if (!spent) await clock.sleep(Math.min(waitMs, expiresAtMs - clock.nowMs()), closing);
    const condition: ExhaustedCondition | undefined = spent
      ? 'MaximumRetryAttempts'
      : clock.nowMs() >= expiresAtMs
        ? 'MaximumEventAgeInSeconds'
        : undefined;
    if (condition !== undefined) {
      await bury(parcel, failure, context, { retryAttempts, condition });
      return;
    }
    const again = await ship(parcel, context);
    if (again === undefined) return;
    failure = again;
    if (!failure.retriable) {
      await bury(parcel, failure, context, { retryAttempts: retryAttempts + 1 });
      return;
    }
  }
}
