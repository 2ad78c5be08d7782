import { MAX_OBJECT_BYTES, MAX_PARTS } from './limits.ts';
import { numberInRange } from './options.ts';

/** Smallest part of what a browser uploads, in bytes (8 MiB): page and upload service must cut alike. */
export const MIN_BROWSER_PART_BYTES = 8 * 1024 ** 2;

/** A span of bytes; `end` is exclusive. */
export interface Span {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** A file cut into parts, without a list of them: 48.8 TiB has millions. */
export interface PartPlan {
  readonly sizeBytes: number;
  readonly partSizeBytes: number;
  /** Number of parts; 0 only for size 0. */
  readonly count: number;
  /** Part `index`, counted from 0. @throws {RangeError} when there is no such part */
  span(index: number): Span;
}

/**
 * Cuts `[0, size)` into parts of one size, the last one shorter; they cover it exactly once.
 * @throws {RangeError} for a size beyond S3's 48.8 TiB or a part size below 1
 */
export function planParts(sizeBytes: number, partSizeBytes: number): PartPlan {
  numberInRange('sizeBytes', sizeBytes, { min: 0, max: MAX_OBJECT_BYTES, unit: 'bytes' });
  numberInRange('partSizeBytes', partSizeBytes, { min: 1, max: MAX_OBJECT_BYTES, unit: 'bytes' });
  const count = Math.ceil(sizeBytes / partSizeBytes);
  return {
    sizeBytes,
    partSizeBytes,
    count,
    span(index) {
      numberInRange('part index', index, { min: 0, max: count - 1 });
      const start = index * partSizeBytes;
      return { start, end: Math.min(start + partSizeBytes, sizeBytes) };
    },
  };
}

/**
 * Part size for uploading `sizeBytes`: `atLeastBytes`, grown to a whole MiB so that 10,000 parts suffice.
 */
export function uploadPartSizeBytes(sizeBytes: number, atLeastBytes: number): number {
  const MIB = 1024 ** 2;
  return Math.max(atLeastBytes, Math.ceil(Math.ceil(sizeBytes / MAX_PARTS) / MIB) * MIB);
}

/**
 * Part size while uploading a stream of unknown length: doubles every 1,000 parts, so that small streams need
 * little memory and 10,000 parts still hold `1023 · 1,000 · atLeastBytes` (at 6 MiB: 5.9 TiB).
 * @param partNumber counted from 1, as S3 does
 */
export function streamPartSizeBytes(partNumber: number, atLeastBytes: number): number {
  return atLeastBytes * 2 ** Math.floor((partNumber - 1) / 1000);
}
