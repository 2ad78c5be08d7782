import type { Clock, Random } from './clock.ts';
import { backoffMs, type RetryOptions } from './retry.ts';

/** How a piece of work is tried again. */
export interface RetryPolicy {
  readonly retry: Required<RetryOptions>;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the wait between attempts. */
  readonly signal?: AbortSignal | undefined;
  /** True for a failure that the same call may survive. */
  isTransient(error: unknown): boolean;
  /** Told before each wait. `attempt` is the one that failed, counted from 1. */
  onRetry?(error: unknown, attempt: number, delayMs: number): void;
}

/**
 * Runs `work` until it succeeds, fails for good, or has used up its attempts; waits with full jitter between.
 * @throws the last failure as it is, or the signal's reason once the signal has aborted
 */
export async function retrying<T>(work: () => Promise<T>, policy: RetryPolicy): Promise<T> {
  const { retry, clock, random, signal } = policy;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= retry.maxAttempts || !policy.isTransient(error)) throw error;
      const delayMs = backoffMs(attempt, retry, random);
      policy.onRetry?.(error, attempt, delayMs);
      await clock.sleep(delayMs, signal);
    }
  }
}
