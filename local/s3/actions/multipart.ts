import { receiveBlob } from '../body.ts';
import { checksumElement, checksumHeader, parseChecksumAlgorithm } from '../checksum.ts';
import type { ChecksumAlgorithm, ChecksumType } from '../checksum.ts';
import { readChecksumClaim } from '../checksum-claim.ts';
import { discardOnError } from '../discard.ts';
import { S3Error, invalidArgument, invalidRequest } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { readMetadata } from '../object-headers.ts';
import type { Upload } from '../store/uploads.ts';

/** Highest part number. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_PART_NUMBER = 10_000;

/** CreateMultipartUpload. */
export async function createMultipartUpload(exchange: Exchange): Promise<void> {
  const { bucket, key, store } = exchange;
  const record = await store.uploads.create({
    ...readMetadata(exchange),
    ...readChecksumKind(exchange),
    bucket: bucket.name,
    key,
    initiatedAtMs: exchange.nowMs,
  });
  const headers: Record<string, string> = {};
  if (record.checksumAlgorithm !== undefined) headers['x-amz-checksum-algorithm'] = record.checksumAlgorithm;
  if (record.checksumType !== undefined) headers['x-amz-checksum-type'] = record.checksumType;
  exchange.sendXml(
    'InitiateMultipartUploadResult',
    { Bucket: bucket.name, Key: key, UploadId: record.uploadId },
    headers,
  );
}

/** UploadPart: receives and verifies a part, and puts it in the place of an earlier one. */
export async function uploadPart(exchange: Exchange): Promise<void> {
  const upload = requestedUpload(exchange);
  const partNumber = readPartNumber(exchange);
  const { checksumAlgorithm, checksumType } = upload.record;
  const claimed = readChecksumClaim(exchange)?.algorithm;
  const mayCompute = checksumType === 'FULL_OBJECT' && claimed === undefined;
  if (checksumAlgorithm !== undefined && claimed !== checksumAlgorithm && !mayCompute) {
    const expected = checksumAlgorithm.toLowerCase();
    const actual = claimed?.toLowerCase() ?? 'null';
    throw invalidRequest(
      `Checksum Type mismatch occurred, expected checksum Type: ${expected}, actual checksum Type: ${actual}`,
    );
  }
  const { blobs } = exchange.store;
  const body = await receiveBlob(
    exchange,
    blobs,
    checksumAlgorithm === undefined ? {} : { computeChecksum: checksumAlgorithm },
  );
  await discardOnError(blobs, [body.blob], async () => {
    await exchange.store.uploads.putPart(upload, {
      partNumber,
      blob: body.blob,
      sizeBytes: body.sizeBytes,
      etag: body.md5,
      modifiedAtMs: exchange.nowMs,
      ...(body.checksum === undefined
        ? {}
        : { checksum: body.checksum.value, checksumAlgorithm: body.checksum.algorithm }),
    });
  });
  const headers: Record<string, string> = { etag: `"${body.md5}"` };
  if (body.checksum !== undefined) headers[checksumHeader(body.checksum.algorithm)] = body.checksum.value;
  exchange.sendEmpty(200, headers);
}

/** AbortMultipartUpload. */
export async function abortMultipartUpload(exchange: Exchange): Promise<void> {
  const { uploads } = exchange.store;
  const { record } = requestedUpload(exchange);
  await uploads.exclusive(record.uploadId, async () => await uploads.end(requestedUpload(exchange)));
  exchange.sendEmpty(204);
}

/** The upload that this exchange names. @throws {S3Error} NoSuchBucket, NoSuchUpload */
export function requestedUpload(exchange: Exchange): Upload {
  const { name } = exchange.bucket;
  return exchange.store.uploads.get(exchange.query.get('uploadId') ?? '', name, exchange.key);
}

/** @throws {S3Error} InvalidArgument */
export function readPartNumber(exchange: Exchange): number {
  const text = exchange.query.get('partNumber') ?? '';
  const partNumber = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (partNumber >= 1 && partNumber <= MAX_PART_NUMBER) return partNumber;
  throw invalidArgument(
    `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
    'partNumber',
    text,
  );
}

/** A checksum as an XML element, or none. */
export function checksumXml(
  algorithm: ChecksumAlgorithm | undefined,
  value: string | undefined,
): Record<string, string> {
  return algorithm === undefined || value === undefined ? {} : { [checksumElement(algorithm)]: value };
}

function readChecksumKind(exchange: Exchange): {
  checksumAlgorithm?: ChecksumAlgorithm;
  checksumType?: ChecksumType;
} {
  const name = exchange.headerOrHoisted('x-amz-checksum-algorithm');
  const type = exchange.headerOrHoisted('x-amz-checksum-type')?.toUpperCase();
  if (name === undefined) {
    if (type === undefined) return {};
    throw invalidRequest(
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  }
  const checksumAlgorithm = parseChecksumAlgorithm(name);
  if (checksumAlgorithm === undefined) {
    throw invalidRequest(
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    );
  }
  const checksumType = type ?? (checksumAlgorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  if (checksumType !== 'FULL_OBJECT' && checksumType !== 'COMPOSITE') {
    throw invalidRequest('Value for x-amz-checksum-type header is invalid.');
  }
  const impossible =
    checksumType === 'FULL_OBJECT' ? checksumAlgorithm.startsWith('SHA') : checksumAlgorithm === 'CRC64NVME';
  if (impossible) {
    throw new S3Error(
      'InvalidRequest',
      {},
      {
        message: `The ${checksumType} checksum type cannot be used with the ${checksumAlgorithm.toLowerCase()} checksum algorithm.`,
      },
    );
  }
  return { checksumAlgorithm, checksumType };
}
