import { crc32cToBase64 } from '../../shared/crc32c.ts';
import { UploadConflictError, UploadError } from '../../shared/errors.ts';
import type { ContentSummary } from './part-stream.ts';
import { requesting, type SettledObject, type UploadRun } from './run.ts';
import type { StoredObject } from './transport.ts';

/**
 * Finds out whose object stands at the key, after S3 said that the key is taken or the upload is gone.
 *
 * A conditional write that is repeated after its answer was lost is refused although the first one succeeded:
 * the object is then our own. Same size and same checksum means it is.
 *
 * @throws {UploadConflictError} if other bytes stand there, or S3 holds no checksum to compare
 * @throws {UploadError} if nothing stands there
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export async function settle(
  run: UploadRun,
  content: ContentSummary,
  cause: unknown,
): Promise<SettledObject> {
  const { bucket, key } = run.target;
  const at = `s3://${bucket}/${key}`;
  const head = await requesting(
    run,
    'HeadObject',
    async () => await run.transport.head(run.target, run.signal),
  );
  if (head === undefined) {
    throw new UploadError(`${at}: S3 refused the upload, yet there is no object`, {
      cause,
      details: { bucket, key },
    });
  }
  const crc32c = crc32cToBase64(content.crc);
  if (head.sizeBytes !== content.sizeBytes || head.crc32c !== crc32c) {
    throw new UploadConflictError(
      `${at} is taken by other bytes: it holds ${head.sizeBytes} bytes with CRC32C ${head.crc32c ?? 'unknown'}, ` +
        `the upload has ${content.sizeBytes} bytes with CRC32C ${crc32c}`,
      { cause, details: { bucket, key, sizeBytes: head.sizeBytes, crc32c: head.crc32c } },
    );
  }
  run.logger.info({ bucket, key, versionId: head.versionId }, 'the object was there already, with our bytes');
  return accept(run, content, head);
}

/**
 * Takes S3's word for a write, after checking it.
 * @throws {UploadError} if the bucket keeps no versions, or S3 holds another checksum than the one sent
 */
export function accept(run: UploadRun, content: ContentSummary, stored: StoredObject): SettledObject {
  const { bucket, key } = run.target;
  const { versionId } = stored;
  if (versionId === undefined || versionId === '' || versionId === 'null') {
    throw new UploadError(
      `bucket ${bucket} gave no versionId for ${key}: enable versioning on the bucket, events pin a version`,
      { details: { bucket, key } },
    );
  }
  const expected = crc32cToBase64(content.crc);
  if (stored.crc32c !== undefined && stored.crc32c !== expected) {
    throw new UploadError(`s3://${bucket}/${key} holds CRC32C ${stored.crc32c}, the upload has ${expected}`, {
      details: { bucket, key, versionId },
    });
  }
  return { ...stored, versionId };
}
