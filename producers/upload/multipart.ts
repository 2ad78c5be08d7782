import { setMaxListeners } from 'node:events';
import { crc32cToBase64 } from '../../shared/crc32c.ts';
import { linkSignals } from '../../shared/cancellation.ts';
import { withGrace } from '../grace.ts';
import type { Part, PartStream } from './part-stream.ts';
import { findOpen, isHeld } from './resume.ts';
import { requesting, type SettledObject, type UploadRun } from './run.ts';
import { sendPart } from './send-part.ts';
import { accept, settle } from './settle.ts';
import { transportFailure, type ListedPart, type MultipartUpload, type UploadedPart } from './transport.ts';

/** Longest wait for a request that cleans up, in milliseconds; a lifecycle rule removes what it misses. */
const ABORT_TIMEOUT_MS = 10_000;

/**
 * Uploads a payload in parts, several at a time, and completes it write-once with a checksum of the whole that
 * S3 verifies. A failed or aborted upload is taken back, unless it is to be resumed.
 * @param first the part that was read already
 * @throws {UploadConflictError} if other bytes stand at the key
 */
export async function putParts(
  run: UploadRun,
  first: Part,
  parts: PartStream,
): Promise<{ stored: SettledObject; parts: number; resumedParts: number }> {
  const open = await findOpen(run);
  const upload = open?.upload ?? (await create(run));
  let leave = false;
  try {
    run.signal.throwIfAborted();
    const sent = await sendParts(run, upload, open?.listed ?? new Map(), first, parts);
    const outcome = await complete(run, upload, sent.parts, parts);
    leave = outcome.completed;
    return { stored: outcome.stored, parts: sent.parts.length, resumedParts: sent.resumed };
  } catch (error) {
    leave = run.options.resume && (run.signal.aborted || transportFailure(error) === 'transient');
    throw error;
  } finally {
    if (!leave) await takeBack(run, upload);
  }
}

async function create(run: UploadRun): Promise<MultipartUpload> {
  const { transport, target } = run;
  // With grace: an abort must not lose the uploadId that it has to take back.
  const ask = async () =>
    await withGrace(
      run.signal,
      ABORT_TIMEOUT_MS,
      async (signal) => await transport.createMultipart(target, signal),
    );
  const uploadId = await requesting(run, 'CreateMultipartUpload', ask);
  return { bucket: target.bucket, key: target.key, uploadId };
}

/** Reads and sends what S3 does not hold; at most `concurrency` parts are under way, and one is being read. */
async function sendParts(
  run: UploadRun,
  upload: MultipartUpload,
  listed: ReadonlyMap<number, ListedPart>,
  first: Part,
  parts: PartStream,
): Promise<{ parts: UploadedPart[]; resumed: number }> {
  using link = linkSignals([run.signal]);
  setMaxListeners(0, link.signal); // one per part under way, each taken away at its end
  const inFlight = new Set<Promise<void>>();
  const uploaded: UploadedPart[] = [];
  let failure: { readonly error: unknown } | undefined;
  let uploadedBytes = 0;
  let resumed = 0;

  const done = (part: Part, held: UploadedPart): void => {
    uploaded.push({ partNumber: held.partNumber, etag: held.etag, crc32c: held.crc32c });
    uploadedBytes += part.body.length;
    parts.release(part);
    run.onProgress(uploadedBytes);
  };
  const send = async (part: Part): Promise<void> => {
    try {
      done(part, await sendPart({ ...run, signal: link.signal }, upload, part));
    } catch (error) {
      failure ??= { error };
      link.abort(error);
    }
  };

  try {
    for (let part: Part | undefined = first; part !== undefined; part = await parts.next(link.signal)) {
      const held = listed.get(part.partNumber);
      if (isHeld(part, held)) {
        resumed += 1;
        done(part, held);
        continue;
      }
      while (inFlight.size >= slots(run, part)) await Promise.race(inFlight);
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
  return { parts: uploaded.sort((a, b) => a.partNumber - b.partNumber), resumed };
}

/**
 * Parts that grew take more memory each, so fewer of them are under way: one at least, with one being read. Those
 * that are not in memory need no such care.
 */
function slots({ options }: UploadRun, { body }: Part): number {
  const { concurrency, partSizeBytes } = options;
  if (!Buffer.isBuffer(body)) return concurrency;
  const budgetBytes = (concurrency + 1) * partSizeBytes;
  const partBytes = Math.max(partSizeBytes, body.length);
  return Math.max(1, Math.min(concurrency, Math.floor(budgetBytes / partBytes) - 1));
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
