import { receiveBlob } from '../body.ts';
import { checksumHeader } from '../checksum.ts';
import { writeCondition } from '../conditions.ts';
import { announceObject } from '../exchange.ts';
import type { Exchange } from '../exchange.ts';
import { readMetadata, versionIdHeader } from '../object-headers.ts';
import { discardOnError } from '../discard.ts';
import type { StoredChecksum } from '../store/records.ts';

/**
 * What S3 computes and keeps of an upload that names no checksum itself.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
const DEFAULT_CHECKSUM = 'CRC64NVME';

/** PutObject: receives, verifies, and only then publishes. */
export async function putObject(exchange: Exchange): Promise<void> {
  const { bucket, key, store } = exchange;
  const condition = writeCondition(exchange);
  const metadata = readMetadata(exchange);
  const body = await receiveBlob(exchange, store.blobs, { computeChecksum: DEFAULT_CHECKSUM });
  const checksum = body.checksum && ({ ...body.checksum, type: 'FULL_OBJECT' } satisfies StoredChecksum);
  const record = await discardOnError(
    store.blobs,
    [body.blob],
    async () =>
      await bucket.publish(
        {
          ...metadata,
          key,
          etag: body.md5,
          sizeBytes: body.sizeBytes,
          parts: [{ blob: body.blob, sizeBytes: body.sizeBytes }],
          ...(checksum === undefined ? {} : { checksum }),
        },
        condition,
      ),
  );
  announceObject(exchange, record, 'PutObject');
  exchange.sendEmpty(200, {
    etag: `"${record.etag}"`,
    ...versionIdHeader(exchange, record.versionId),
    ...checksumHeaders(checksum),
  });
}

/** The answer's headers that repeat a checksum. */
export function checksumHeaders(checksum: StoredChecksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}
