import { invalidArgument } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { commonPrefixOf, commonPrefixesXml, readListingQuery, readPageSize } from '../listing.ts';
import { OWNER } from '../owner.ts';
import { compareUtf8 } from '../store/key-index.ts';
import type { UploadRecord } from '../store/records.ts';
import { isoMillis } from '../times.ts';
import { checksumXml, requestedUpload } from './multipart.ts';

/** ListParts: the parts an upload has so far, by number. */
export async function listParts(exchange: Exchange): Promise<void> {
  const { record, parts } = requestedUpload(exchange);
  const text = exchange.query.get('part-number-marker') ?? '0';
  if (!/^\d{1,9}$/.test(text)) {
    throw invalidArgument('Provided part-number-marker not an integer', 'part-number-marker', text);
  }
  const marker = Number(text);
  const maxParts = readPageSize(exchange, 'max-parts');
  const after = [...parts.values()]
    .filter(({ partNumber }) => partNumber > marker)
    .sort((a, b) => a.partNumber - b.partNumber);
  const page = after.slice(0, maxParts);
  exchange.sendXml('ListPartsResult', {
    Bucket: record.bucket,
    Key: record.key,
    UploadId: record.uploadId,
    Initiator: OWNER,
    Owner: OWNER,
    StorageClass: 'STANDARD',
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.partNumber ?? 0,
    MaxParts: maxParts,
    IsTruncated: after.length > page.length,
    ChecksumAlgorithm: record.checksumAlgorithm,
    ChecksumType: record.checksumType,
    Part: page.map((part) =>
      Object.assign(
        {
          PartNumber: part.partNumber,
          LastModified: isoMillis(part.modifiedAtMs),
          ETag: `"${part.etag}"`,
          Size: part.sizeBytes,
        },
        checksumXml(part.checksumAlgorithm, part.checksum),
      ),
    ),
  });
}

/** ListMultipartUploads: uploads in progress, by key and then by start. */
export async function listMultipartUploads(exchange: Exchange): Promise<void> {
  const { bucket, query, store } = exchange;
  const { prefix, delimiter, maxItems, encode, encodingType } = readListingQuery(exchange, 'max-uploads');
  const keyMarker = query.get('key-marker') ?? '';
  const uploadIdMarker = query.get('upload-id-marker') ?? '';
  const sorted = store.uploads
    .inBucket(bucket.name)
    .filter(({ key }) => key.startsWith(prefix))
    .sort((a, b) => compareUtf8(a.key, b.key) || a.initiatedAtMs - b.initiatedAtMs);
  const uploads: UploadRecord[] = [];
  const prefixes: string[] = [];
  let last = { key: '', uploadId: '' };
  let isTruncated = false;
  for (const upload of afterMarker(sorted, keyMarker, uploadIdMarker)) {
    const group = commonPrefixOf(upload.key, prefix, delimiter);
    const seen =
      group !== undefined && (prefixes.at(-1) === group || (keyMarker !== '' && keyMarker.startsWith(group)));
    if (seen) continue;
    if (uploads.length + prefixes.length >= maxItems) {
      isTruncated = maxItems > 0;
      break;
    }
    if (group === undefined) uploads.push(upload);
    else prefixes.push(group);
    last = group === undefined ? upload : { key: group, uploadId: '' };
  }
  exchange.sendXml('ListMultipartUploadsResult', {
    Bucket: bucket.name,
    KeyMarker: encode(keyMarker),
    UploadIdMarker: uploadIdMarker,
    NextKeyMarker: isTruncated ? encode(last.key) : undefined,
    NextUploadIdMarker: isTruncated ? last.uploadId : undefined,
    Prefix: encode(prefix),
    Delimiter: delimiter === '' ? undefined : encode(delimiter),
    EncodingType: encodingType,
    MaxUploads: maxItems,
    IsTruncated: isTruncated,
    Upload: uploads.map((upload) => ({
      Key: encode(upload.key),
      UploadId: upload.uploadId,
      Initiator: OWNER,
      Owner: OWNER,
      StorageClass: 'STANDARD',
      Initiated: isoMillis(upload.initiatedAtMs),
      ChecksumAlgorithm: upload.checksumAlgorithm,
      ChecksumType: upload.checksumType,
    })),
    CommonPrefixes: commonPrefixesXml(prefixes, encode),
  });
}

/** Uploads after a key or, with an upload's id, after that upload of the key. */
function afterMarker(
  sorted: readonly UploadRecord[],
  keyMarker: string,
  uploadIdMarker: string,
): readonly UploadRecord[] {
  if (keyMarker === '') return sorted;
  const at = sorted.findIndex(({ key, uploadId }) => key === keyMarker && uploadId === uploadIdMarker);
  if (at !== -1) return sorted.slice(at + 1);
  return sorted.filter(({ key }) => compareUtf8(key, keyMarker) > 0);
}
