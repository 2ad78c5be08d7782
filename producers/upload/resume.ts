import { crc32cToBase64 } from '../../shared/crc32c.ts';
import type { Part } from './part-stream.ts';
import { requesting, type UploadRun } from './run.ts';
import { transportFailure, type ListedPart, type MultipartUpload } from './transport.ts';

/** An upload that was left open, and the parts that S3 holds of it. */
export interface OpenUpload {
  readonly upload: MultipartUpload;
  /** By part number. */
  readonly listed: ReadonlyMap<number, ListedPart>;
}

/**
 * Looks for an upload of this key to go on with. What it holds is only a proposal: each part counts once the
 * payload's own bytes, read again, have its size and CRC32C, so two versions of a file never mix.
 * @returns undefined if there is none, nobody asked for it, or it cannot be found out
 */
export async function findOpen(run: UploadRun): Promise<OpenUpload | undefined> {
  const { transport, target, options, signal, logger } = run;
  const { open } = transport;
  if (!options.resume || open === undefined) return undefined;
  const { bucket, key } = target;
  try {
    const find = async () => await open.find({ bucket, key }, signal);
    const uploadId = await requesting(run, 'ListMultipartUploads', find);
    if (uploadId === undefined) return undefined;
    const upload = { bucket, key, uploadId };
    const list = async () => await open.parts(upload, signal);
    const parts = await requesting(run, 'ListParts', list);
    logger.info({ bucket, key, parts: parts.length }, 'going on with an upload that was left open');
    return { upload, listed: new Map(parts.map((part) => [part.partNumber, part])) };
  } catch (error) {
    signal.throwIfAborted();
    if (transportFailure(error) === undefined) throw error;
    logger.warn({ bucket, key, reason: (error as Error).message }, 'cannot resume, uploading from the start');
    return undefined;
  }
}

/** True if S3 holds exactly these bytes as this part. */
export function isHeld(part: Part, listed: ListedPart | undefined): listed is ListedPart {
  return (
    listed !== undefined &&
    listed.sizeBytes === part.body.length &&
    listed.crc32c === crc32cToBase64(part.crc)
  );
}
