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
  // Not by timers/promises: it makes an AbortError, with its stack, of every sleep that is cut short, and most are.
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer);
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is passed on as it is
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};

/** Reason of an abort that nobody asks about. The default one, a DOMException with its stack, is dear where messages are many. */
export const DONE = new Error('no longer needed');

/**
 * Calls `work` after `ms` milliseconds, unless the function that is returned is called first. On the machine's own clock
 * that is one timer; an AbortController and a promise for every wait that does not happen cost many times as much.
 */
export function after(clock: Pick<Clock, 'sleep'>, ms: number, work: () => void): () => void {
  if (clock.sleep === systemClock.sleep) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  }
  const cancelled = new AbortController();
  clock.sleep(ms, cancelled.signal).then(work, () => undefined);
  return () => cancelled.abort(DONE);
}
