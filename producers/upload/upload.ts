import { linkSignals } from '../../shared/cancellation.ts';
import { systemClock, type Clock, type Random } from '../../shared/clock.ts';
import { crc32cToBase64 } from '../../shared/crc32c.ts';
import { isWaybillError, UploadError } from '../../shared/errors.ts';
import { silentLogger, type Logger } from '../../shared/logger.ts';
import { uploadPartSizeBytes } from '../../shared/part-plan.ts';
import { putParts } from './multipart.ts';
import { resolveUploadOptions, type UploadOptions } from './options.ts';
import { createPartStream } from './part-stream.ts';
import type { UploadRun } from './run.ts';
import { putWhole } from './single.ts';
import type { SourceReader, UploadSource } from './source.ts';
import { transportFailure, type UploadTarget, type UploadTransport } from './transport.ts';

/** Times that a whole upload is started again after a write conflict, or after somebody else ended it. */
const MAX_RESTARTS = 1;

/** Most memory for the parts of one file, in bytes (40 MiB): together with Node that stays below 110 MiB. */
const MAX_HELD_BYTES = 40 * 1024 ** 2;

/** What an upload needs beside its bytes. */
export interface UploadContext {
  readonly transport: UploadTransport;
  /** @default uploadDefaults */
  readonly options?: UploadOptions | undefined;
  /** @default systemClock */
  readonly clock?: Clock | undefined;
  /** @default Math.random */
  readonly random?: Random | undefined;
  /** @default - says nothing */
  readonly logger?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Compute the SHA-256 of the payload, 0.7 s of processor time per GiB. Events need it. @default true */
  readonly digest?: boolean | undefined;
  /** Told how many bytes S3 has taken so far, after every part. */
  readonly onProgress?: ((uploadedBytes: number, totalBytes: number | undefined) => void) | undefined;
}

/** An object that S3 holds, verified. */
export interface UploadResult {
  /** In bytes. */
  readonly size: number;
  /** SHA-256 of the bytes as sent, RFC 9530 text. */
  readonly digest: string;
  /** CRC32C of the whole object as S3 holds it, Base64. */
  readonly crc32c: string;
  readonly etag: string | undefined;
  readonly versionId: string;
  /** Parts of the object; 1 for a single PutObject. */
  readonly parts: number;
  /** Of these, parts that S3 held already, from an upload that was left open. */
  readonly resumedParts: number;
}

/** The same without the SHA-256, where the context says `digest: false`. */
export type UndigestedUploadResult = Omit<UploadResult, 'digest'> & { readonly digest: string | undefined };

/**
 * Uploads a payload write-once: `If-None-Match: *`, and a CRC32C of the whole that S3 compares with its own.
 *
 * The bytes are read once, hashed on the way, and held a few parts at a time; a file whose parts would take more
 * than 40 MiB is read twice instead, a few blocks at a time. Uploading the same bytes to the
 * same key again succeeds, with the version that is there.
 *
 * @example
 * const store = resolveStores({ main: { bucket: 'payloads', region: 'eu-central-1' } }).get('main');
 * const transport = createUploadTransport({ store });
 * const target = { bucket: store.bucket, key: 'a/b.bin', mediaType: 'application/octet-stream' };
 * const { versionId, digest } = await upload(fileSource('b.bin'), target, { transport });
 * @throws {TypeError|RangeError} for bad options
 * @throws {UploadConflictError} if other bytes stand at the key
 * @throws {UploadError} if S3 cannot be had within the retries, the source fails or changes, its size is not the
 * one declared, or the bucket keeps no versions
 * @throws the signal's reason once it has aborted; the multipart upload is taken back first, unless `resume` is set
 */
export async function upload(
  source: UploadSource,
  target: UploadTarget,
  context: UploadContext & { readonly digest?: true | undefined },
): Promise<UploadResult>;
export async function upload(
  source: UploadSource,
  target: UploadTarget,
  context: UploadContext,
): Promise<UndigestedUploadResult>;
export async function upload(
  source: UploadSource,
  target: UploadTarget,
  context: UploadContext,
): Promise<UndigestedUploadResult> {
  using link = linkSignals([context.signal]);
  const {
    transport,
    onProgress,
    digest,
    clock = systemClock,
    random = Math.random,
    logger = silentLogger,
  } = context;
  const options = resolveUploadOptions(context.options);
  for (let restarts = 0; ; restarts += 1) {
    let total = source.sizeBytes;
    const run: UploadRun = {
      transport,
      options,
      clock,
      random,
      logger,
      target,
      signal: link.signal,
      onProgress: (uploadedBytes) => onProgress?.(uploadedBytes, total),
    };
    try {
      await using reader = await source.open();
      total = reader.sizeBytes;
      return await uploadOnce(run, reader, digest);
    } catch (error) {
      context.signal?.throwIfAborted();
      const failure = transportFailure(error);
      const lost = failure === 'conflict' || failure === 'no-upload';
      if (!lost || !source.rereadable || restarts === MAX_RESTARTS)
        throw asUploadError(error, source, target);
      run.logger.warn({ key: target.key, failure }, 'another writer interfered, starting the upload again');
    }
  }
}

async function uploadOnce(
  run: UploadRun,
  reader: SourceReader,
  digest: boolean | undefined,
): Promise<UndigestedUploadResult> {
  const { partSizeBytes, multipartThresholdBytes } = run.options;
  const { sizeBytes } = reader;
  const small = sizeBytes !== undefined && sizeBytes < multipartThresholdBytes;
  const parts = createPartStream(reader, {
    partSizeAtLeastBytes: small ? Math.max(1, sizeBytes) : partSizeBytes,
    digest,
    spans: !small && goesBySpans(run, reader),
  });
  const first = await parts.next(run.signal);
  if (first === undefined) throw new Error('a part stream begins with a part');
  const { body } = first;
  const whole = parts.ended && (small || sizeBytes === undefined);
  const sent =
    whole && Buffer.isBuffer(body)
      ? { stored: await putWhole(run, body, parts.summary()), parts: 1, resumedParts: 0 }
      : await putParts(run, first, parts);
  const content = parts.summary();
  return {
    size: content.sizeBytes,
    digest: content.digest,
    crc32c: crc32cToBase64(content.crc),
    etag: sent.stored.etag,
    versionId: sent.stored.versionId,
    parts: sent.parts,
    resumedParts: sent.resumedParts,
  };
}

/**
 * True if the parts of a file are better read twice than held: they would take more memory than
 * `MAX_HELD_BYTES`, because they are large or many.
 */
function goesBySpans({ options, transport }: UploadRun, reader: SourceReader): boolean {
  const { sizeBytes } = reader;
  if (reader.readAt === undefined || sizeBytes === undefined) return false;
  if (transport.uploadSpan === undefined || options.signPayload) return false;
  const partSizeBytes = uploadPartSizeBytes(sizeBytes, options.partSizeBytes);
  return (options.concurrency + 1) * partSizeBytes > MAX_HELD_BYTES;
}

function asUploadError(error: unknown, source: UploadSource, target: UploadTarget): Error {
  if (isWaybillError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new UploadError(
    `upload of ${source.label} to s3://${target.bucket}/${target.key} failed: ${reason}`,
    {
      cause: error,
      details: { bucket: target.bucket, key: target.key },
    },
  );
}
