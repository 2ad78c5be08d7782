import type { Clock } from '../../shared/clock.ts';

/** Differences up to this are noise: HTTP dates have whole seconds, and answers take time. */
const NOISE_MS = 2_000;

/**
 * How far the stores' clock is ahead of this machine's, in milliseconds; learned from answers. Give one holder
 * to all downloads of a process, and each profits from what another was told.
 */
export interface ClockOffset {
  /** @default 0 */
  offsetMs: number;
}

/** A holder that has learned nothing yet. */
export function createClockOffset(): ClockOffset {
  return { offsetMs: 0 };
}

/** What the stores' clock shows now, as far as is known; milliseconds since the epoch. */
export function storeNowMs(clock: Clock, offset: ClockOffset): number {
  return clock.nowMs() + offset.offsetMs;
}

/** Takes over what an answer said the time is; differences within two seconds are left alone. */
export function learnServerTime(clock: Clock, offset: ClockOffset, serverTimeMs: number): void {
  if (!Number.isFinite(serverTimeMs)) return;
  if (Math.abs(serverTimeMs - storeNowMs(clock, offset)) <= NOISE_MS) return;
  offset.offsetMs = serverTimeMs - clock.nowMs();
}
