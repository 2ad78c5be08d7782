import { setTimeout as delay } from 'node:timers/promises';

/** Where time comes from; injected everywhere so that tests decide what time it is. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. May jump. */
  nowMs(): number;
  /** Monotonic milliseconds from an arbitrary origin. Never jumps; use it for durations and leases. */
  monotonicMs(): number;
  /**
   * Waits `ms` milliseconds.
   * @throws the signal's reason, as soon as `signal` aborts. Its listener is removed in every case.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A source of numbers in `[0, 1)`, like `Math.random`. */
export type Random = () => number;

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted(); // timers/promises wraps the reason in an AbortError; callers get the reason itself
      throw error;
    }
  },
};
