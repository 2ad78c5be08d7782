import type {
  ListMultipartUploadsOutput,
  ListPartsOutput,
  MultipartUpload as OpenUpload,
  S3Client,
} from '@aws-sdk/client-s3';
import type { ListedPart, MultipartUpload, ObjectAddress } from './transport.ts';

/**
 * Finds the latest open upload of a key that has a full-object CRC32C. Others cannot be completed with the checksum
 * of the whole, so they are left alone.
 */
export async function findOpenUpload(
  client: S3Client,
  { bucket, key }: ObjectAddress,
  abortSignal: AbortSignal,
): Promise<string | undefined> {
  const { ListMultipartUploadsCommand } = await import('@aws-sdk/client-s3');
  let latest: OpenUpload | undefined;
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (marker !== undefined) {
    const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, ...marker });
    const page: ListMultipartUploadsOutput = await client.send(command, { abortSignal });
    for (const found of page.Uploads ?? []) {
      const fits = found.ChecksumAlgorithm === 'CRC32C' && found.ChecksumType === 'FULL_OBJECT';
      if (found.Key === key && fits && startedMs(found) >= startedMs(latest)) latest = found;
    }
    // Sorted by key, and the key itself comes before all that it is a prefix of.
    const more = page.IsTruncated === true && page.NextKeyMarker === key;
    marker = more ? { KeyMarker: key, UploadIdMarker: page.NextUploadIdMarker ?? '' } : undefined;
  }
  return latest?.UploadId;
}

function startedMs(upload: OpenUpload | undefined): number {
  return upload?.Initiated?.getTime() ?? 0;
}

/** Lists the parts of an open upload, those whose CRC32C S3 does not tell left out. */
export async function listOpenParts(
  client: S3Client,
  { bucket, key, uploadId }: MultipartUpload,
  abortSignal: AbortSignal,
): Promise<ListedPart[]> {
  const { ListPartsCommand } = await import('@aws-sdk/client-s3');
  const listed: ListedPart[] = [];
  let marker: string | undefined = '';
  while (marker !== undefined) {
    const command = new ListPartsCommand({
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
      ...(marker === '' ? {} : { PartNumberMarker: marker }),
    });
    const page: ListPartsOutput = await client.send(command, { abortSignal });
    for (const { PartNumber, ETag, ChecksumCRC32C, Size } of page.Parts ?? []) {
      if (PartNumber === undefined || ETag === undefined) continue;
      if (ChecksumCRC32C === undefined || Size === undefined) continue;
      listed.push({ partNumber: PartNumber, etag: ETag, crc32c: ChecksumCRC32C, sizeBytes: Size });
    }
    marker = page.IsTruncated === true && page.NextPartNumberMarker ? page.NextPartNumberMarker : undefined;
  }
  return listed;
}
