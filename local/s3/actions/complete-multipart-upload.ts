import { createHash } from 'node:crypto';
import { badChecksum, receiveText } from '../body.ts';
import {
  checksumAlgorithms,
  checksumElement,
  checksumHeader,
  combineComposite,
  combineFullObject,
} from '../checksum.ts';
import { writeCondition } from '../conditions.ts';
import { S3Error, invalidArgument, invalidRequest } from '../errors.ts';
import { announceObject } from '../exchange.ts';
import type { Exchange } from '../exchange.ts';
import { versionIdHeader } from '../object-headers.ts';
import type { StoredChecksum, UploadPart, UploadRecord, VersionRecord } from '../store/records.ts';
import type { Upload } from '../store/uploads.ts';
import { childrenOf, parseXml, textOf } from '../xml.ts';
import { MAX_PART_NUMBER, checksumXml, requestedUpload } from './multipart.ts';

/**
 * Smallest part but the last, and largest object, in bytes.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
export const MIN_PART_BYTES = 5 * 1024 * 1024;
export const MAX_OBJECT_BYTES = 50 * 1024 ** 4;

interface NamedPart {
  readonly partNumber: number;
  readonly etag: string;
  readonly checksums: readonly string[];
}

/** CompleteMultipartUpload: verifies the list against the parts, then publishes them by reference. */
export async function completeMultipartUpload(exchange: Exchange): Promise<void> {
  const { bucket, store } = exchange;
  const { record: uploadRecord } = requestedUpload(exchange);
  const condition = writeCondition(exchange);
  const named = readPartList(await receiveText(exchange, { foreignChecksum: true }));
  const { uploads } = store;
  const record = await uploads.exclusive(uploadRecord.uploadId, async () => {
    const upload = requestedUpload(exchange);
    const parts = matchParts(upload, named);
    let removeRest: Awaited<ReturnType<typeof uploads.detach>> | undefined;
    const published = await publish(exchange, upload.record, parts, condition, async () => {
      removeRest = await uploads.detach(upload);
    });
    // The object is there: what is left over is of no concern to the client, and swept at the next start.
    await removeRest?.(new Set(parts.map(({ blob }) => blob))).catch(() => {});
    return published;
  });
  announceObject(exchange, record, 'CompleteMultipartUpload');
  exchange.sendXml(
    'CompleteMultipartUploadResult',
    {
      Location: `http://${exchange.header('host') ?? 'localhost'}/${bucket.name}/${encodeURIComponent(record.key)}`,
      Bucket: bucket.name,
      Key: record.key,
      ETag: `"${record.etag}"`,
      ...checksumXml(record.checksum?.algorithm, record.checksum?.value),
      ChecksumType: record.checksum?.type,
    },
    versionIdHeader(exchange, record.versionId),
  );
}

async function publish(
  exchange: Exchange,
  upload: UploadRecord,
  parts: readonly UploadPart[],
  condition: ReturnType<typeof writeCondition>,
  settle: () => Promise<void>,
): Promise<VersionRecord> {
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  checkSize(exchange, sizeBytes);
  const checksum = objectChecksum(upload, parts);
  checkClaims(exchange, checksum);
  const { key, headers, user, tags, uploadId } = upload;
  return await exchange.bucket.publish(
    {
      key,
      headers,
      user,
      tags,
      uploadId,
      sizeBytes,
      etag: multipartEtag(parts),
      parts: parts.map((part) => ({
        blob: part.blob,
        sizeBytes: part.sizeBytes,
        partNumber: part.partNumber,
        ...(part.checksum === undefined || checksum === undefined ? {} : { checksum: part.checksum }),
      })),
      ...(checksum === undefined ? {} : { checksum }),
    },
    condition,
    settle,
  );
}

function readPartList(text: string): NamedPart[] {
  const nodes = childrenOf(parseXml(text, 'CompleteMultipartUpload'), 'Part');
  if (nodes.length === 0 || nodes.length > MAX_PART_NUMBER) throw new S3Error('MalformedXML');
  const parts = nodes.map((node) => {
    const number = textOf(node, 'PartNumber')?.trim() ?? '';
    const etag = textOf(node, 'ETag')?.trim();
    if (!/^\d{1,5}$/.test(number) || etag === undefined) throw new S3Error('MalformedXML');
    const checksums = checksumAlgorithms.map((algorithm) => textOf(node, checksumElement(algorithm)) ?? '');
    return { partNumber: Number(number), etag: etag.replaceAll('"', ''), checksums };
  });
  for (const [index, part] of parts.entries()) {
    if (index > 0 && part.partNumber <= (parts[index - 1]?.partNumber ?? 0)) {
      throw new S3Error('InvalidPartOrder');
    }
  }
  return parts;
}

function matchParts(upload: Upload, named: readonly NamedPart[]): UploadPart[] {
  const { checksumAlgorithm, checksumType, uploadId } = upload.record;
  return named.map((wanted, index) => {
    const part = upload.parts.get(wanted.partNumber);
    const invalid = (): S3Error =>
      new S3Error('InvalidPart', {
        UploadId: uploadId,
        PartNumber: String(wanted.partNumber),
        ETag: wanted.etag,
      });
    if (part === undefined || part.etag !== wanted.etag) throw invalid();
    const claims = checksumAlgorithms.map(
      (algorithm, at) => [algorithm, wanted.checksums[at] ?? ''] as const,
    );
    for (const [algorithm, value] of claims) {
      if (value !== '' && (algorithm !== part.checksumAlgorithm || value !== part.checksum)) throw invalid();
    }
    if (checksumType === 'COMPOSITE' && claims.every(([, value]) => value === '')) {
      throw invalidRequest(
        `The upload was created using a ${checksumAlgorithm?.toLowerCase() ?? ''} checksum. The complete request must include the checksum for each part. It was missing for part ${wanted.partNumber} in the request.`,
      );
    }
    if (index < named.length - 1 && part.sizeBytes < MIN_PART_BYTES) {
      throw new S3Error('EntityTooSmall', {
        ProposedSize: String(part.sizeBytes),
        MinSizeAllowed: String(MIN_PART_BYTES),
        PartNumber: String(wanted.partNumber),
        ETag: part.etag,
      });
    }
    return part;
  });
}

function checkSize(exchange: Exchange, sizeBytes: number): void {
  if (sizeBytes > MAX_OBJECT_BYTES) {
    const details = { ProposedSize: String(sizeBytes), MaxSizeAllowed: String(MAX_OBJECT_BYTES) };
    throw new S3Error('EntityTooLarge', details);
  }
  const name = 'x-amz-mp-object-size';
  const claimed = exchange.header(name);
  if (claimed === undefined) return;
  if (!/^\d{1,16}$/.test(claimed))
    throw invalidArgument(`Value for ${name} header is invalid`, name, claimed);
  if (Number(claimed) !== sizeBytes) {
    throw invalidRequest(
      `The provided '${name}' header value ${claimed} does not match what was computed: ${sizeBytes}`,
    );
  }
}

function objectChecksum(upload: UploadRecord, parts: readonly UploadPart[]): StoredChecksum | undefined {
  const { checksumAlgorithm: algorithm, checksumType: type } = upload;
  if (algorithm === undefined || type === undefined) return undefined;
  const known = parts.map(({ checksum = '', sizeBytes }) => ({ checksum, sizeBytes }));
  const value =
    type === 'FULL_OBJECT' ? combineFullObject(algorithm, known) : combineComposite(algorithm, known);
  return { algorithm, type, value };
}

/** Judges what the request claims of the whole object's checksum. */
function checkClaims(exchange: Exchange, checksum: StoredChecksum | undefined): void {
  const type = exchange.header('x-amz-checksum-type')?.toUpperCase();
  if (type !== undefined && type !== checksum?.type) {
    throw invalidRequest(
      `The upload was created using the ${checksum?.type ?? 'null'} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  for (const algorithm of checksumAlgorithms) {
    const claimed = exchange.header(checksumHeader(algorithm));
    if (claimed === undefined) continue;
    if (algorithm !== checksum?.algorithm) {
      throw invalidRequest(
        `Checksum Type mismatch occurred, expected checksum Type: ${checksum?.algorithm.toLowerCase() ?? 'null'}, actual checksum Type: ${algorithm.toLowerCase()}`,
      );
    }
    if (claimed !== checksum.value && claimed !== checksum.value.replace(/-\d+$/, '')) {
      throw badChecksum(algorithm);
    }
  }
}

/** MD5 of the parts' MD5s, with `-N`. */
function multipartEtag(parts: readonly UploadPart[]): string {
  const md5 = createHash('md5');
  for (const { etag } of parts) md5.update(Buffer.from(etag, 'hex'));
  return `${md5.digest('hex')}-${parts.length}`;
}
