import { setMaxListeners } from 'node:events';
import { linkSignals } from '../shared/cancellation.ts';
import type { AttachmentInput } from '../shared/events/index.ts';
import type { PlannedAttachment, StoredPayload } from './attachment-source.ts';
import type { UploadProgress } from './publish-input.ts';
import type { ResolvedPublisherOptions } from './publisher-options.ts';
import { countUpload, inUploadSpan } from './telemetry.ts';
import { createUploadGate } from './upload-gate.ts';
import { upload, type UploadSource, type UploadTransport } from './upload/index.ts';

/** An attachment with bytes to upload. */
type UploadItem = Pick<PlannedAttachment, 'id' | 'name' | 'mediaType'> & { readonly source: UploadSource };

/** What one upload cost. */
export interface UploadReport {
  readonly attachmentId: string;
  readonly bytes: number;
  /** Parts of the object; 1 for a single request, 0 for what was stored before. */
  readonly parts: number;
  /** Of these, parts that S3 held already, from an upload that was left open. */
  readonly resumedParts: number;
  readonly durationMs: number;
}

/** An attachment that is safe in S3. */
export interface UploadedAttachment {
  /** As it will stand in the event, without claim check and access. */
  readonly attachment: AttachmentInput;
  readonly report: UploadReport;
}

export interface AttachmentUploadContext {
  readonly options: ResolvedPublisherOptions;
  readonly transport: UploadTransport;
  readonly keyOf: (attachmentId: string) => string;
  readonly retainUntil: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
}

/**
 * Uploads all attachments of one event, in their order: small ones several at a time, each large one or stream by
 * itself, so that memory is bounded by one large upload. The first failure ends the others.
 * @throws {UploadError|UploadConflictError} of the attachment that failed first
 * @throws the signal's reason once it has aborted
 */
export async function uploadAttachments(
  planned: readonly PlannedAttachment[],
  context: AttachmentUploadContext,
): Promise<UploadedAttachment[]> {
  const { concurrency, multipartThresholdBytes } = context.options.upload;
  using link = linkSignals([context.signal]);
  setMaxListeners(0, link.signal); // one per upload under way, each taken away at its end
  const gate = createUploadGate(concurrency);
  let failure: { readonly error: unknown } | undefined;

  const one = async (item: PlannedAttachment): Promise<UploadedAttachment | undefined> => {
    if (item.source === undefined) return storedAlready(item, context);
    const { sizeBytes } = item.source;
    const small = sizeBytes !== undefined && sizeBytes < multipartThresholdBytes;
    try {
      return await gate.run(small ? 1 : concurrency, async () => {
        link.signal.throwIfAborted();
        return await uploadAttachment(item, { ...context, signal: link.signal });
      });
    } catch (error) {
      failure ??= { error };
      link.abort(error);
      item.discard();
      return undefined;
    }
  };

  const uploaded = await Promise.all(planned.map(one));
  context.signal?.throwIfAborted();
  if (failure !== undefined) throw failure.error;
  return uploaded.filter((item) => item !== undefined);
}

/** An attachment whose object the caller vouches for. */
function storedAlready(
  { id, name, mediaType, stored }: PlannedAttachment & { readonly stored: StoredPayload },
  { options, retainUntil }: AttachmentUploadContext,
): UploadedAttachment {
  const { key, versionId, etag, size, digest, crc32c } = stored;
  return {
    attachment: {
      id,
      name,
      mediaType,
      store: options.store.name,
      key,
      versionId,
      size,
      digest,
      ...(etag === undefined ? {} : { etag }),
      ...(crc32c === undefined
        ? {}
        : { checksum: { algorithm: 'CRC32C' as const, value: crc32c, type: 'FULL_OBJECT' as const } }),
      retainUntil,
    },
    report: { attachmentId: id, bytes: size, parts: 0, resumedParts: 0, durationMs: 0 },
  };
}

/** Uploads one attachment. Errors as {@link uploadAttachments}. */
export async function uploadAttachment(
  item: UploadItem,
  context: AttachmentUploadContext,
): Promise<UploadedAttachment> {
  const { options, transport, signal } = context;
  const { store, clock, random, logger } = options;
  const { id, name, mediaType } = item;
  const key = context.keyOf(id);
  const startedMs = clock.monotonicMs();
  const stored = await inUploadSpan(
    { store: store.name, key },
    async () =>
      await upload(
        item.source,
        { bucket: store.bucket, key, mediaType },
        {
          transport,
          options: options.upload,
          clock,
          random,
          logger,
          signal,
          onProgress: progressOf(item, context),
        },
      ),
  );
  const durationMs = clock.monotonicMs() - startedMs;
  countUpload(store.name, stored.size, durationMs);
  const { size, digest, crc32c, etag, versionId, parts, resumedParts } = stored;
  logger.info({ key, versionId, bytes: size, parts, resumedParts, durationMs }, 'payload uploaded');
  return {
    attachment: {
      id,
      name,
      mediaType,
      size,
      digest,
      checksum: { algorithm: 'CRC32C', value: crc32c, type: 'FULL_OBJECT' },
      store: store.name,
      key,
      versionId,
      ...(etag === undefined ? {} : { etag }),
      retainUntil: context.retainUntil,
    },
    report: { attachmentId: id, bytes: size, parts, resumedParts, durationMs },
  };
}

function progressOf(
  { id: attachmentId, name }: UploadItem,
  { onProgress, options }: AttachmentUploadContext,
): (uploadedBytes: number, totalBytes: number | undefined) => void {
  return (uploadedBytes, totalBytes) => {
    try {
      onProgress?.({
        attachmentId,
        name,
        uploadedBytes,
        ...(totalBytes === undefined ? {} : { totalBytes }),
      });
    } catch (error) {
      options.logger.warn({ attachmentId, error }, 'onProgress threw');
    }
  };
}
