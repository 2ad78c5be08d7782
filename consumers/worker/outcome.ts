import type { WatchedSignal } from '../../shared/cancellation.ts';
import { isWaybillError, type WaybillError } from '../../shared/errors.ts';
import { redactText } from '../../shared/redact.ts';
import { HandlerTimeoutError, LeaseLostError, RetryLater, WorkerStoppedError } from '../outcomes.ts';
import { PostponedError } from './postponed.ts';

/** What becomes of a message. */
export type Outcome =
  /** Handled: delete. */
  | { readonly kind: 'succeeded' }
  /** Handled before: delete. */
  | { readonly kind: 'duplicate' }
  /** Not for us: delete. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** Visible again, after the delay that was asked for, or backoff. */
  | { readonly kind: 'retry'; readonly error: unknown; readonly delaySeconds?: number }
  /** Nothing is wrong: visible again after this delay. */
  | { readonly kind: 'postpone'; readonly error: PostponedError }
  /** Visible again after a longer backoff; the circuit opens. */
  | { readonly kind: 'unavailable'; readonly error: unknown }
  /** To the dead-letter queue. */
  | { readonly kind: 'reject'; readonly error: WaybillError }
  /** Visible again at once: the worker stops. */
  | { readonly kind: 'release' }
  /** Another may have it: leave it alone. */
  | { readonly kind: 'lost'; readonly error: unknown };

/**
 * What an error, thrown while a message was in work, means for the message.
 *
 * A rejection that is certain counts even if the worker is stopping. After an abort any other error is taken for its
 * consequence, so the signal's reason decides.
 *
 * @param hasUrlSource with a source of fresh URLs, an expired one means that fresh ones were refused as well: the
 *   signer's session or somebody's clock is broken, for every message. Without one it is this event's age.
 */
export function outcomeOf(
  error: unknown,
  signal: Pick<WatchedSignal, 'aborted' | 'reason'>,
  hasUrlSource = false,
): Outcome {
  const reason: unknown = signal.aborted ? signal.reason : undefined;
  if (reason instanceof LeaseLostError) return { kind: 'lost', error: reason };
  if (isWaybillError(error) && error.disposition === 'reject') return { kind: 'reject', error };
  if (reason instanceof WorkerStoppedError || error instanceof WorkerStoppedError) return { kind: 'release' };
  if (error instanceof LeaseLostError) return { kind: 'lost', error };
  if (reason instanceof HandlerTimeoutError) return { kind: 'retry', error: reason };
  if (error instanceof PostponedError) return { kind: 'postpone', error };
  if (error instanceof RetryLater && error.delaySeconds !== undefined) {
    return { kind: 'retry', error, delaySeconds: error.delaySeconds };
  }
  if (isWaybillError(error)) {
    const { disposition } = error;
    if (disposition === 'unavailable' || (disposition === 'refetch' && hasUrlSource)) {
      return { kind: 'unavailable', error };
    }
  }
  return { kind: 'retry', error };
}

/** `code` and redacted message of anything thrown. */
export function describeError(error: unknown): { code: string; reason: string } {
  const code = isWaybillError(error) ? error.code : 'unexpected';
  return { code, reason: redactText(error instanceof Error ? error.message : String(error)) };
}
