import type { Clock } from '../../shared/clock.ts';
import { numberInRange } from '../../shared/options.ts';

/** A token bucket per caller. */
export interface RateLimitOptions {
  /** Claim checks a second that one caller may present in the long run. */
  readonly perCallerPerSecond: number;
  /** Claim checks that one caller may present at once. */
  readonly burst: number;
}

/** Takes one token of a caller; false when there is none left. */
export type RateLimiter = (caller: string) => boolean;

/** Most callers remembered; full buckets are forgotten first, for they say nothing. */
const MAX_CALLERS = 10_000;

/** Makes a rate limiter in this process's memory. @throws {RangeError} naming the field that is out of range */
export function createRateLimiter(options: RateLimitOptions, clock: Pick<Clock, 'monotonicMs'>): RateLimiter {
  const rate = numberInRange('rateLimit.perCallerPerSecond', options.perCallerPerSecond, {
    min: 0.001,
    max: 1_000_000,
    integer: false,
  });
  const burst = numberInRange('rateLimit.burst', options.burst, { min: 1, max: 1_000_000 });
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  const refilled = (bucket: { tokens: number; atMs: number }, nowMs: number): number =>
    Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * rate);
  return (caller) => {
    const nowMs = clock.monotonicMs();
    if (buckets.size >= MAX_CALLERS && !buckets.has(caller)) {
      for (const [name, bucket] of buckets) if (refilled(bucket, nowMs) >= burst) buckets.delete(name);
    }
    const tokens = refilled(buckets.get(caller) ?? { tokens: burst, atMs: nowMs }, nowMs);
    const granted = tokens >= 1;
    buckets.set(caller, { tokens: granted ? tokens - 1 : tokens, atMs: nowMs });
    return granted;
  };
}
