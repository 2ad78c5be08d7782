import { crc32cToBase64 } from '../../shared/crc32c.ts';
import type { ContentSummary } from './part-stream.ts';
import { requesting, type SettledObject, type UploadRun } from './run.ts';
import { accept, settle } from './settle.ts';
import { transportFailure } from './transport.ts';

/**
 * Uploads a whole payload by one PutObject, write-once, with a checksum that S3 verifies.
 * @throws {UploadConflictError} if other bytes stand at the key
 */
export async function putWhole(
  run: UploadRun,
  body: Buffer,
  content: ContentSummary,
): Promise<SettledObject> {
  const request = { ...run.target, body, crc32c: crc32cToBase64(content.crc) };
  try {
    const put = async () => await run.transport.putObject(request, run.signal);
    const stored = accept(run, content, await requesting(run, 'PutObject', put, 'conflict'));
    run.onProgress(content.sizeBytes);
    return stored;
  } catch (error) {
    if (transportFailure(error) !== 'exists') throw error;
    const stored = await settle(run, content, error);
    run.onProgress(content.sizeBytes);
    return stored;
  }
}
