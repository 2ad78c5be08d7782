import { setMaxListeners } from 'node:events';
import { crc32cToBase64 } from '../../shared/crc32c.ts';
import { linkSignals } from '../../shared/cancellation.ts';
import { withGrace } from '../grace.ts';
import type { Part, PartStream } from './part-stream.ts';
import { requesting, type SettledObject, type UploadRun } from './run.ts';
import { accept, settle } from './settle.ts';
import { transportFailure, type MultipartUpload, type UploadedPart } from './transport.ts';

/** Longest wait for a request that cleans up, in milliseconds; a lifecycle rule removes what it misses. */
const ABORT_TIMEOUT_MS = 10_000;

/**
 * Uploads a payload in parts, several at a time, and completes it write-once with a checksum of the whole that
 * S3 verifies. A failed or aborted upload is taken back.
 * @param first the part that was read already
 * @throws {UploadConflictError} if other bytes stand at the key
 */
export async function putParts(
  run: UploadRun,
  first: Part,
  parts: PartStream,
): Promise<{ stored: SettledObject; parts: number }> {
  const { transport, target } = run;
  // With grace: an abort must not lose the uploadId that it has to take back.
  const create = async () =>
    await withGrace(
      run.signal,
      ABORT_TIMEOUT_MS,
      async (signal) => await transport.createMultipart(target, signal),
    );
  const uploadId = await requesting(run, 'CreateMultipartUpload', create);
  const upload: MultipartUpload = { bucket: target.bucket, key: target.key, uploadId };
  let completed = false;
  try {
    run.signal.throwIfAborted();
    const uploaded = await sendParts(run, upload, first, parts);
    const outcome = await complete(run, upload, uploaded, parts);
    completed = outcome.completed;
    return { stored: outcome.stored, parts: uploaded.length };
  } finally {
    if (!completed) await takeBack(run, upload);
  }
}

/** Reads and sends; at most `concurrency` parts are under way, and one is being read. */
async function sendParts(
  run: UploadRun,
  upload: MultipartUpload,
  first: Part,
  parts: PartStream,
): Promise<UploadedPart[]> {
  using link = linkSignals([run.signal]);
  setMaxListeners(0, link.signal); // one per part under way, each taken away at its end
  const inFlight = new Set<Promise<void>>();
  const uploaded: UploadedPart[] = [];
  let failure: { readonly error: unknown } | undefined;
  let uploadedBytes = 0;

  const send = async (part: Part): Promise<void> => {
    try {
      uploaded.push(await sendPart({ ...run, signal: link.signal }, upload, part));
      uploadedBytes += part.body.length;
      parts.release(part);
      run.onProgress(uploadedBytes);
    } catch (error) {
      failure ??= { error };
      link.abort(error);
    }
  };

  try {
    for (let part: Part | undefined = first; part !== undefined; part = await parts.next(link.signal)) {
      while (inFlight.size >= slots(run, parts.partSizeBytes(part.partNumber))) await Promise.race(inFlight);
      link.signal.throwIfAborted();
      const sending: Promise<void> = send(part).finally(() => inFlight.delete(sending));
      inFlight.add(sending);
    }
    await Promise.all(inFlight);
  } catch (error) {
    failure ??= { error };
    link.abort(error);
    await Promise.all(inFlight);
  }
  run.signal.throwIfAborted();
  if (failure !== undefined) throw failure.error;
  return uploaded.sort((a, b) => a.partNumber - b.partNumber);
}

/** Parts that grew take more memory each, so fewer of them are under way: one at least, with one being read. */
function slots({ options }: UploadRun, partSizeBytes: number): number {
  const budgetBytes = (options.concurrency + 1) * options.partSizeBytes;
  return Math.max(1, Math.min(options.concurrency, Math.floor(budgetBytes / partSizeBytes) - 1));
}

async function sendPart(run: UploadRun, upload: MultipartUpload, part: Part): Promise<UploadedPart> {
  const { partNumber, body } = part;
  const crc32c = crc32cToBase64(part.crc);
  const request = { ...upload, partNumber, body, crc32c };
  const put = async () => await run.transport.uploadPart(request, run.signal);
  const etag = await requesting(run, `UploadPart ${partNumber}`, put);
  return { partNumber, etag, crc32c };
}

async function complete(
  run: UploadRun,
  upload: MultipartUpload,
  uploaded: readonly UploadedPart[],
  parts: PartStream,
): Promise<{ stored: SettledObject; completed: boolean }> {
  const content = parts.summary();
  const request = {
    ...upload,
    parts: uploaded,
    crc32c: crc32cToBase64(content.crc),
    sizeBytes: content.sizeBytes,
  };
  try {
    const finish = async () => await run.transport.complete(request, run.signal);
    const stored = await requesting(run, 'CompleteMultipartUpload', finish);
    return { stored: accept(run, content, stored), completed: true };
  } catch (error) {
    const failure = transportFailure(error);
    if (failure !== 'exists' && failure !== 'no-upload') throw error;
    // 412 may also mean that another upload of the same bytes won: then this one is still open, and goes back.
    return { stored: await settle(run, content, error), completed: failure === 'no-upload' };
  }
}

async function takeBack(run: UploadRun, upload: MultipartUpload): Promise<void> {
  try {
    await run.transport.abort(upload, AbortSignal.timeout(ABORT_TIMEOUT_MS));
  } catch (error) {
    if (transportFailure(error) === 'no-upload') return;
    run.logger.warn(
      { ...upload, reason: error instanceof Error ? error.message : String(error) },
      'could not abort a multipart upload; the bucket needs a lifecycle rule that does',
    );
  }
}
