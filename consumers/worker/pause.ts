import type { Clock, Random } from '../../shared/clock.ts';
import { backoffMs } from '../../shared/retry.ts';
import type { BackoffOptions } from './options.ts';

/** Holds polling back while something that every message needs is broken. */
export interface Pause {
  /**
   * Begins a pause, longer each time in a row; does nothing during one, because all messages in work fail alike.
   * @returns its length in milliseconds, or undefined if one is under way
   */
  begin(): number | undefined;
  /** A message succeeded: the next pause is a first one again. One under way goes on. */
  recovered(): void;
  /** Waits until no pause is under way. @throws the signal's reason */
  wait(signal: AbortSignal): Promise<void>;
}

/** A pause with full-jitter backoff between half of its bound and its bound. */
export function createPause(clock: Clock, random: Random, backoff: Required<BackoffOptions>): Pause {
  let inARow = 0;
  let untilMs = Number.NEGATIVE_INFINITY;
  return {
    begin() {
      const nowMs = clock.monotonicMs();
      if (nowMs < untilMs) return undefined;
      inARow += 1;
      const delayMs = equalJitterMs(inARow, backoff, random);
      untilMs = nowMs + delayMs;
      return delayMs;
    },
    recovered() {
      inARow = 0;
    },
    async wait(signal) {
      for (let leftMs = untilMs - clock.monotonicMs(); leftMs > 0; leftMs = untilMs - clock.monotonicMs()) {
        await clock.sleep(leftMs, signal);
      }
    },
  };
}

/**
 * Backoff that never comes near zero: half of the bound is fixed, half is jitter, in milliseconds.
 * @param attempt counted from 1
 */
export function equalJitterMs(attempt: number, backoff: Required<BackoffOptions>, random: Random): number {
  const bound = backoffMs(attempt, backoff, () => 1);
  return Math.floor(bound / 2 + (random() * bound) / 2);
}
