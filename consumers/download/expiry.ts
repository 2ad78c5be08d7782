import type { Random } from '../../shared/clock.ts';

/** Five minutes: the most that a URL is given up before its end, in milliseconds (before jitter). */
const MAX_SKEW_MS = 300_000;

/** Five seconds: the least, unless half the lifetime is less, in milliseconds. */
const MIN_SKEW_MS = 5_000;

/** Jitter adds up to this share of the skew, so that a fleet's URLs of one moment are not renewed in one moment. */
const JITTER = 0.2;

/** From when to when a URL lives; milliseconds since the epoch, by the signer's clock. */
export interface UrlLife {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/**
 * The instant from which a URL is renewed before it is used again: its end less
 * `min(20 % of the lifetime, 5 min)`, at least `min(5 s, lifetime/2)`, and jitter.
 */
export function refetchDueMs({ issuedAtMs, expiresAtMs }: UrlLife, random: Random): number {
  const lifetimeMs = Math.max(0, expiresAtMs - issuedAtMs);
  const skewMs = Math.max(Math.min(lifetimeMs * 0.2, MAX_SKEW_MS), Math.min(MIN_SKEW_MS, lifetimeMs / 2));
  return expiresAtMs - skewMs * (1 + JITTER * random());
}

/**
 * The life that a presigned URL itself tells of, by `X-Amz-Date` and `X-Amz-Expires`; undefined if it does not.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function presignedLife(url: string): UrlLife | undefined {
  const date = /[?&]X-Amz-Date=(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:&|$)/i.exec(url);
  const seconds = /[?&]X-Amz-Expires=(\d{1,7})(?:&|$)/i.exec(url)?.[1];
  if (date === null || seconds === undefined) return undefined;
  const [year, month, day, hour, minute, second] = date.slice(1).map(Number);
  const issuedAtMs = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  return { issuedAtMs, expiresAtMs: issuedAtMs + Number(seconds) * 1_000 };
}
