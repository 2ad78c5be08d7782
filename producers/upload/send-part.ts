import { crc32cToBase64 } from '../../shared/crc32c.ts';
import type { Part } from './part-stream.ts';
import { requesting, type UploadRun } from './run.ts';
import type { MultipartUpload, UploadedPart, UploadSpanRequest } from './transport.ts';

/** Sends one part, again and again until its attempts are used up. */
export async function sendPart(run: UploadRun, upload: MultipartUpload, part: Part): Promise<UploadedPart> {
  const { partNumber, body } = part;
  const crc32c = crc32cToBase64(part.crc);
  const request = { ...upload, partNumber, crc32c };
  const put = async (): Promise<string> => {
    if (Buffer.isBuffer(body)) return await run.transport.uploadPart({ ...request, body }, run.signal);
    return await sendSpan(run, { ...request, body });
  };
  const etag = await requesting(run, `UploadPart ${partNumber}`, put);
  return { partNumber, etag, crc32c };
}

/** @throws {UploadError} rather than what S3 says, if the file is not the one whose checksum was sent */
async function sendSpan(run: UploadRun, request: UploadSpanRequest): Promise<string> {
  const { transport } = run;
  if (transport.uploadSpan === undefined) throw new TypeError('this transport takes parts in memory only');
  try {
    return await transport.uploadSpan(request, run.signal);
  } catch (error) {
    run.signal.throwIfAborted();
    await request.body.verify();
    throw error;
  }
}
