import { systemClock, type Clock } from '../shared/clock.ts';

/** A clock that moves only when told to. */
export interface ManualClock extends Clock {
  /** Moves both the wall clock and the monotonic clock, and wakes the sleepers whose time has come, in order. */
  advance(ms: number): void;
  /** Sets the wall clock, as an operator or NTP would: it may jump back, and wakes nobody. */
  set(nowMs: number): void;
  /** Sleeps under way. */
  readonly sleepers: number;
}

/** A clock whose wall time is another's, shifted. */
export interface OffsetClock extends Clock {
  /** Milliseconds added to the base clock's wall time. Assign it to expire URLs while timers stay real. */
  offsetMs: number;
}

/**
 * Makes a clock that moves only by `advance` and `set`.
 * @param startMs its wall time at first, in milliseconds since the epoch. @default - the machine's time now
 */
export function createManualClock(startMs: number = systemClock.nowMs()): ManualClock {
  let [wallMs, ticksMs] = [startMs, 0];
  const sleeping = new Set<{ readonly dueMs: number; readonly wake: () => void }>();
  return {
    nowMs: () => wallMs,
    monotonicMs: () => ticksMs,
    advance: (ms) => {
      if (!(ms >= 0)) throw new RangeError(`ms: got ${ms}, expected a number from 0`);
      wallMs += ms;
      ticksMs += ms;
      const due = [...sleeping].filter(({ dueMs }) => dueMs <= ticksMs);
      for (const sleeper of due.sort((a, b) => a.dueMs - b.dueMs)) sleeper.wake();
    },
    set: (nowMs) => {
      wallMs = nowMs;
    },
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      if (ms <= 0) return;
      await new Promise<void>((resolve, reject) => {
        const leave = (): void => {
          sleeping.delete(sleeper);
          signal?.removeEventListener('abort', onAbort);
        };
        const onAbort = (): void => {
          leave();
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is passed on as it is
          reject(signal?.reason);
        };
        const sleeper = {
          dueMs: ticksMs + ms,
          wake: () => {
            leave();
            resolve();
          },
        };
        sleeping.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    get sleepers() {
      return sleeping.size;
    },
  };
}

/**
 * Makes a clock whose wall time can be shifted while its timers stay those of `base`.
 * @param base @default systemClock
 */
export function offsetClock(base: Clock = systemClock): OffsetClock {
  const clock: OffsetClock = {
    offsetMs: 0,
    nowMs: () => base.nowMs() + clock.offsetMs,
    monotonicMs: () => base.monotonicMs(),
    sleep: (ms, signal) => base.sleep(ms, signal),
  };
  return clock;
}
