import { createHash } from 'node:crypto';
import { MAX_SINGLE_UPLOAD_BYTES } from '../body.ts';
import { createChecksum } from '../checksum.ts';
import { readCopySource, sourceVersionHeader } from '../copy-source.ts';
import { discardOnError } from '../discard.ts';
import { S3Error, invalidArgument } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import type { ByteSpan } from '../range.ts';
import { readObject } from '../stream-object.ts';
import { isoMillis } from '../times.ts';
import { checksumXml, readPartNumber, requestedUpload } from './multipart.ts';

/** UploadPartCopy: a part whose bytes come from an object. */
export async function uploadPartCopy(exchange: Exchange): Promise<void> {
  const upload = requestedUpload(exchange);
  const partNumber = readPartNumber(exchange);
  const source = readCopySource(exchange);
  const span = readSpan(exchange, source.record.sizeBytes);
  const { blobs, uploads } = exchange.store;
  const algorithm = upload.record.checksumAlgorithm;
  const md5 = createHash('md5');
  const checksum = algorithm === undefined ? undefined : createChecksum(algorithm);
  const writer = await blobs.create();
  let stored: { blob: string; sizeBytes: number };
  try {
    for await (const chunk of readObject(blobs, source.record.parts, span)) {
      md5.update(chunk);
      checksum?.update(chunk);
      await writer.write(Buffer.from(chunk)); // the reader uses its buffers again, the writer keeps what it gets
    }
    stored = await writer.finish();
  } catch (error) {
    await writer.discard();
    throw error;
  }
  const etag = md5.digest('hex');
  const value = checksum?.digest();
  const modifiedAtMs = exchange.nowMs;
  await discardOnError(
    blobs,
    [stored.blob],
    async () =>
      await uploads.putPart(upload, {
        ...stored,
        partNumber,
        etag,
        modifiedAtMs,
        ...(algorithm === undefined || value === undefined
          ? {}
          : { checksum: value, checksumAlgorithm: algorithm }),
      }),
  );
  exchange.sendXml(
    'CopyPartResult',
    { ETag: `"${etag}"`, LastModified: isoMillis(modifiedAtMs), ...checksumXml(algorithm, value) },
    sourceVersionHeader(exchange, source),
  );
}

/** Unlike Range, `x-amz-copy-source-range` must be exact and lie within the source. */
function readSpan(exchange: Exchange, sizeBytes: number): ByteSpan {
  const name = 'x-amz-copy-source-range';
  const header = exchange.header(name);
  const span = header === undefined ? { start: 0, end: sizeBytes - 1 } : exactSpan(name, header);
  if (span.end >= sizeBytes) {
    throw invalidArgument(
      `Range specified is not valid for source object of size: ${sizeBytes}`,
      name,
      header ?? '',
    );
  }
  const length = span.end - span.start + 1;
  if (length > MAX_SINGLE_UPLOAD_BYTES) {
    throw new S3Error('EntityTooLarge', { ProposedSize: String(length) });
  }
  return span;
}

function exactSpan(name: string, header: string): ByteSpan {
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header);
  const span = { start: Number(match?.[1] ?? 1), end: Number(match?.[2] ?? 0) };
  if (match !== null && span.start <= span.end) return span;
  throw invalidArgument(
    'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
    name,
    header,
  );
}
