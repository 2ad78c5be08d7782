import { createHash } from 'node:crypto';
import { MAX_SINGLE_UPLOAD_BYTES } from '../body.ts';
import { createChecksum, parseChecksumAlgorithm } from '../checksum.ts';
import type { ChecksumAlgorithm } from '../checksum.ts';
import { writeCondition } from '../conditions.ts';
import { readCopySource, sourceVersionHeader } from '../copy-source.ts';
import { discardOnError } from '../discard.ts';
import { invalidArgument, invalidRequest } from '../errors.ts';
import { announceObject } from '../exchange.ts';
import type { Exchange } from '../exchange.ts';
import { readMetadata, versionIdHeader } from '../object-headers.ts';
import type { BlobStore } from '../store/blobs.ts';
import type { ObjectMetadata, StoredChecksum, StoredPart, VersionRecord } from '../store/records.ts';
import { readObject } from '../stream-object.ts';
import { isoMillis } from '../times.ts';
import { checksumXml } from './multipart.ts';

/** CopyObject: a new object of the same bytes, which are shared on disk, not copied. */
export async function copyObject(exchange: Exchange): Promise<void> {
  const { bucket, key, store } = exchange;
  const source = readCopySource(exchange);
  const condition = writeCondition(exchange);
  const metadata = copiedMetadata(exchange, source.record);
  if (source.record.sizeBytes > MAX_SINGLE_UPLOAD_BYTES) {
    throw invalidRequest(
      `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_SINGLE_UPLOAD_BYTES}`,
    );
  }
  const directive = exchange.header('x-amz-metadata-directive') ?? 'COPY';
  const ontoItself = source.bucketName === bucket.name && source.record.key === key;
  if (ontoItself && source.namedVersionId === undefined && directive === 'COPY') {
    throw invalidRequest(
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  const unpin = store.blobs.pin(source.record.parts.map(({ blob }) => blob));
  try {
    const facts = await digestCopy(exchange, source.record);
    const parts = await duplicateParts(store.blobs, source.record.parts);
    const blobs = parts.map(({ blob }) => blob);
    const record = await discardOnError(
      store.blobs,
      blobs,
      async () =>
        await bucket.publish(
          { ...metadata, ...facts, key, sizeBytes: source.record.sizeBytes, parts },
          condition,
        ),
    );
    announceObject(exchange, record, 'CopyObject');
    exchange.sendXml(
      'CopyObjectResult',
      {
        ETag: `"${record.etag}"`,
        LastModified: isoMillis(record.modifiedAtMs),
        ...checksumXml(record.checksum?.algorithm, record.checksum?.value),
        ChecksumType: record.checksum?.type,
      },
      { ...versionIdHeader(exchange, record.versionId), ...sourceVersionHeader(exchange, source) },
    );
  } finally {
    unpin();
  }
}

/** Etag and checksum of the copy: those of a single upload, whatever the source was. */
async function digestCopy(
  exchange: Exchange,
  source: VersionRecord,
): Promise<{ etag: string; checksum?: StoredChecksum }> {
  const algorithm = wantedAlgorithm(exchange) ?? source.checksum?.algorithm;
  const sameChecksum = source.checksum?.type !== 'COMPOSITE' && source.checksum?.algorithm === algorithm;
  if (source.uploadId === undefined && sameChecksum) {
    return { etag: source.etag, ...(source.checksum === undefined ? {} : { checksum: source.checksum }) };
  }
  const md5 = createHash('md5');
  const checksum = algorithm === undefined ? undefined : createChecksum(algorithm);
  const span = { start: 0, end: source.sizeBytes - 1 };
  for await (const chunk of readObject(exchange.store.blobs, source.parts, span)) {
    md5.update(chunk);
    checksum?.update(chunk);
  }
  const etag = md5.digest('hex');
  if (algorithm === undefined || checksum === undefined) return { etag };
  return { etag, checksum: { algorithm, value: checksum.digest(), type: 'FULL_OBJECT' } };
}

function wantedAlgorithm(exchange: Exchange): ChecksumAlgorithm | undefined {
  const name = exchange.header('x-amz-checksum-algorithm');
  if (name === undefined) return undefined;
  const algorithm = parseChecksumAlgorithm(name);
  if (algorithm === undefined) throw invalidRequest('Checksum algorithm provided is unsupported.');
  return algorithm;
}

async function duplicateParts(blobs: BlobStore, parts: readonly StoredPart[]): Promise<StoredPart[]> {
  const made: StoredPart[] = [];
  for (const { blob, sizeBytes } of parts) {
    const copy = await discardOnError(
      blobs,
      made.map((part) => part.blob),
      async () => await blobs.duplicate(blob),
    );
    made.push({ blob: copy, sizeBytes });
  }
  return made;
}

function copiedMetadata(exchange: Exchange, source: VersionRecord): ObjectMetadata {
  const given = readMetadata(exchange);
  const { headers, user } = isReplace(exchange, 'x-amz-metadata-directive') ? given : source;
  const { tags } = isReplace(exchange, 'x-amz-tagging-directive') ? given : source;
  return { headers, user, tags };
}

function isReplace(exchange: Exchange, name: string): boolean {
  const directive = exchange.header(name) ?? 'COPY';
  if (directive === 'REPLACE') return true;
  if (directive === 'COPY') return false;
  throw invalidArgument(`Unknown ${name.replace('x-amz-', '').replace('-', ' ')}.`, name, directive);
}
