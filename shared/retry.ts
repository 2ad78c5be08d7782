import { numberInRange } from './options.ts';
import type { Random } from './clock.ts';

/** When to try again, and how often. */
export interface RetryOptions {
  /** Attempts in all, the first included. @default 8 */
  readonly maxAttempts?: number;
  /** Upper bound of the first delay, in milliseconds. @default 200 */
  readonly backoffBaseMs?: number;
  /** Upper bound of any delay, in milliseconds. @default 20_000 */
  readonly backoffCapMs?: number;
}

export const retryDefaults = {
  maxAttempts: 8,
  backoffBaseMs: 200,
  backoffCapMs: 20_000,
} as const satisfies Required<RetryOptions>;

/** @throws {RangeError} naming the field that is out of range. */
export function resolveRetryOptions(options: RetryOptions = {}): Required<RetryOptions> {
  const merged = { ...retryDefaults, ...options };
  return {
    maxAttempts: numberInRange('retry.maxAttempts', merged.maxAttempts, { min: 1, max: 1000 }),
    backoffBaseMs: numberInRange('retry.backoffBaseMs', merged.backoffBaseMs, {
      min: 0,
      max: 3_600_000,
      unit: 'ms',
    }),
    backoffCapMs: numberInRange('retry.backoffCapMs', merged.backoffCapMs, {
      min: 0,
      max: 3_600_000,
      unit: 'ms',
    }),
  };
}

/**
 * Delay before retry number `attempt` (the first retry is 1), in milliseconds, with full jitter: uniform in
 * `[0, min(cap, base · 2^(attempt−1)))`. With the defaults the upper bounds are 200, 400, 800, 1600, 3200,
 * 6400, 12800, 20000 ms.
 *
 * @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 */
export function backoffMs(
  attempt: number,
  options: Pick<Required<RetryOptions>, 'backoffBaseMs' | 'backoffCapMs'>,
  random: Random,
): number {
  const ceiling = Math.min(options.backoffCapMs, options.backoffBaseMs * 2 ** Math.max(0, attempt - 1));
  return Math.floor(random() * ceiling);
}
