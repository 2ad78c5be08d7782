import type { Random } from '../../shared/clock.ts';
import { backoffMs } from '../../shared/retry.ts';
import type { BackoffOptions } from './options.ts';

/**
 * Backoff that never comes near zero: half of the bound is fixed, half is jitter, in milliseconds.
 * @param attempt counted from 1
 */
export function equalJitterMs(attempt: number, backoff: Required<BackoffOptions>, random: Random): number {
  const bound = backoffMs(attempt, backoff, () => 1);
  return Math.floor(bound / 2 + (random() * bound) / 2);
}
