import type { UploadedPart } from '../transport.ts';

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/**
 * Text of the first element so named, its entities resolved; undefined if there is none or it is empty. Enough for
 * S3's answers to CreateMultipartUpload and CompleteMultipartUpload, whose elements are plain text.
 */
export function elementText(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]{1,4096})</${name}>`).exec(xml)?.[1];
  return text?.replaceAll(/&(?:(lt|gt|quot|apos|amp)|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));/g, resolveEntity);
}

function resolveEntity(whole: string, name?: string, decimal?: string, hex?: string): string {
  if (name !== undefined) return ENTITIES[name] ?? whole;
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}

/**
 * Body of CompleteMultipartUpload.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */
export function completeBody(parts: readonly UploadedPart[]): Buffer {
  const items = parts.map(
    ({ partNumber, etag, crc32c }) =>
      `<Part><ETag>${escapeText(etag)}</ETag><ChecksumCRC32C>${escapeText(crc32c)}</ChecksumCRC32C>` +
      `<PartNumber>${partNumber}</PartNumber></Part>`,
  );
  return Buffer.from(
    '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      `${items.join('')}</CompleteMultipartUpload>`,
  );
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
