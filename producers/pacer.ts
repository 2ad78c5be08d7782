import type { Clock } from '../shared/clock.ts';
import { numberInRange } from '../shared/options.ts';

/** Waits until one more may go. @throws the signal's reason when it aborts */
export type Pacer = (signal?: AbortSignal) => Promise<void>;

/**
 * A token bucket: `perSecond` a second in the long run, and at most `burst` at once.
 *
 * Kept as the time at which the bucket would be full again (GCRA), so that there is nothing to refill: in any span of
 * t seconds at most `burst + t · perSecond` go.
 * @param perSecond undefined does not wait at all
 * @param burst @default 1 / 10 s worth, at least 1
 * @throws {RangeError} naming the field that is out of range
 * @see https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 */
export function createPacer(
  perSecond: number | undefined,
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>,
  burst?: number,
): Pacer {
  if (perSecond === undefined) return async (signal) => signal?.throwIfAborted();
  numberInRange('ratePerSecond', perSecond, { min: 0.001, max: 1_000_000, integer: false });
  const size = numberInRange('burst', burst ?? Math.max(1, Math.floor(perSecond / 10)), {
    min: 1,
    max: 1_000_000,
  });
  const intervalMs = 1000 / perSecond;
  const toleranceMs = (size - 1) * intervalMs;
  let fullAtMs = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    signal?.throwIfAborted();
    const nowMs = clock.monotonicMs();
    const goesAtMs = Math.max(nowMs, fullAtMs - toleranceMs);
    fullAtMs = Math.max(nowMs, fullAtMs) + intervalMs;
    if (goesAtMs > nowMs) await clock.sleep(goesAtMs - nowMs, signal);
  };
}
