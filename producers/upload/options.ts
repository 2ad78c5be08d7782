import { MAX_PART_BYTES, MIN_PART_BYTES } from '../../shared/limits.ts';
import { numberInRange, show } from '../../shared/options.ts';
import { resolveRetryOptions, retryDefaults, type RetryOptions } from '../../shared/retry.ts';

const MIB = 1024 ** 2;

/**
 * Largest part that is held in memory, in bytes (1 GiB). S3 takes 5 GiB, Node 20 has no buffer above 4 GiB, and
 * a part is kept until S3 has it.
 */
export const MAX_BUFFERED_PART_BYTES = Math.min(MAX_PART_BYTES, 1024 ** 3);

/** How payloads are uploaded. */
export interface UploadOptions {
  /**
   * Size of a part, in bytes; grows by itself where 10,000 parts would not suffice. From 5 MiB to 1 GiB.
   * @default 6_291_456 (6 MiB)
   */
  readonly partSizeBytes?: number;
  /**
   * From this size on, a payload goes up in parts; below, in one request and one buffer. A stream of unknown
   * length goes in parts if it fills the first one. From 1 byte to 1 GiB.
   * @default 16_777_216 (16 MiB)
   */
  readonly multipartThresholdBytes?: number;
  /**
   * Parts under way at a time, 1 to 64. Memory: `(concurrency + 1) · partSizeBytes`; a file that would take more than
   * 40 MiB so is read twice instead, 2 MiB per part under way.
   * @default 4
   */
  readonly concurrency?: number;
  /** Attempts per request (each part has its own). @default 8 attempts, full jitter from 200 ms to 20 s */
  readonly retry?: RetryOptions;
  /**
   * Longest one request may take, in milliseconds; the attempt then counts as failed. 6 MiB in 5 minutes are 21 kB/s.
   * @default 300_000
   */
  readonly attemptTimeoutMs?: number;
  /**
   * Sign the SHA-256 of each body too, for buckets whose policy refuses UNSIGNED-PAYLOAD
   * (`s3:x-amz-content-sha256`). Doubles the CPU time of an upload.
   * @default false
   */
  readonly signPayload?: boolean;
  /**
   * How the bytes travel. `fast`: over plain sockets, signed by Waybill. `sdk`: by the AWS SDK. `auto`: `fast`,
   * unless an S3 client is given or the store's address takes the SDK.
   * @default 'auto'
   */
  readonly transport?: UploadTransportKind;
  /**
   * Go on with a multipart upload of the same key that was left open, by a process that died, say; and leave one
   * open when the signal aborts or the retries are used up, instead of taking it back. Parts that S3 holds are kept
   * if the payload's own bytes, read again, have their CRC32C. Takes `s3:ListBucketMultipartUploads` and
   * `s3:ListMultipartUploadParts`, and a lifecycle rule for uploads that nobody comes back to.
   * @default false
   */
  readonly resume?: boolean;
}

/** See `UploadOptions.transport`. */
export type UploadTransportKind = 'auto' | 'fast' | 'sdk';

const TRANSPORTS: readonly string[] = ['auto', 'fast', 'sdk'] satisfies UploadTransportKind[];

export const uploadDefaults = {
  partSizeBytes: 6 * MIB,
  multipartThresholdBytes: 16 * MIB,
  concurrency: 4,
  retry: retryDefaults,
  attemptTimeoutMs: 300_000,
  signPayload: false,
  transport: 'auto',
  resume: false,
} as const satisfies Required<UploadOptions>;

/** Upload options with every default filled in. */
export type ResolvedUploadOptions = Required<Omit<UploadOptions, 'retry'>> & {
  readonly retry: Required<RetryOptions>;
};

/**
 * Checks upload options and fills in the defaults.
 * @throws {TypeError|RangeError} naming the field, the value and what was expected
 */
export function resolveUploadOptions(options: UploadOptions = {}): ResolvedUploadOptions {
  const merged = { ...uploadDefaults, ...options };
  const bytes = (field: 'partSizeBytes' | 'multipartThresholdBytes', min: number): number =>
    numberInRange(`upload.${field}`, merged[field], { min, max: MAX_BUFFERED_PART_BYTES, unit: 'bytes' });
  for (const field of ['signPayload', 'resume'] as const) {
    if (typeof merged[field] !== 'boolean')
      throw new TypeError(`upload.${field}: got ${show(merged[field])}, expected true or false`);
  }
  if (!TRANSPORTS.includes(merged.transport))
    throw new TypeError(`upload.transport: got ${show(merged.transport)}, expected auto, fast or sdk`);
  return {
    partSizeBytes: bytes('partSizeBytes', MIN_PART_BYTES),
    multipartThresholdBytes: bytes('multipartThresholdBytes', 1),
    concurrency: numberInRange('upload.concurrency', merged.concurrency, { min: 1, max: 64 }),
    retry: resolveRetryOptions(merged.retry),
    attemptTimeoutMs: numberInRange('upload.attemptTimeoutMs', merged.attemptTimeoutMs, {
      min: 1,
      max: 2 ** 31 - 1,
      unit: 'ms',
    }),
    signPayload: merged.signPayload,
    transport: merged.transport,
    resume: merged.resume,
  };
}
