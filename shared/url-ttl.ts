import { MAX_PRESIGN_SECONDS } from './limits.ts';
import { numberInRange } from './options.ts';

/** Life of a presigned URL where nobody says otherwise, in seconds. */
export const DEFAULT_URL_TTL_SECONDS = 900;

/**
 * A life for presigned URLs, in seconds.
 * @default 900
 * @throws {RangeError} naming field, value and range (1 to 604,800)
 */
export function checkTtl(field: string, ttlSeconds: number | undefined): number {
  const bounds = { min: 1, max: MAX_PRESIGN_SECONDS, unit: 's' };
  return numberInRange(field, ttlSeconds ?? DEFAULT_URL_TTL_SECONDS, bounds);
}
