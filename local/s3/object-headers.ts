import { checksumHeader } from './checksum.ts';
import { S3Error, invalidArgument } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { ObjectMetadata, VersionRecord } from './store/records.ts';
import { parseTagHeader } from './tags.ts';

/** Headers that S3 keeps with an object and answers as they came. */
export const STORED_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
] as const;

/** S3's word for bytes of which nothing is known. */
export const DEFAULT_CONTENT_TYPE = 'binary/octet-stream';

/** Names and values of user metadata together, in bytes. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
const MAX_USER_METADATA_BYTES = 2048;

const META_PREFIX = 'x-amz-meta-';

/** Reads an object's metadata from the headers of a write. @throws {S3Error} MetadataTooLarge, InvalidTag */
export function readMetadata(exchange: Exchange): ObjectMetadata {
  const headers: Record<string, string> = {};
  for (const name of STORED_HEADERS) {
    const value = name === 'content-encoding' ? contentEncoding(exchange) : exchange.header(name);
    if (value !== undefined && value !== '') headers[name] = value;
  }
  headers['content-type'] ??= DEFAULT_CONTENT_TYPE;
  const user: Record<string, string> = {};
  if (exchange.presigned) {
    for (const [name, value] of exchange.query) addUser(user, name, value);
  }
  for (const name of Object.keys(exchange.req.headers)) addUser(user, name, exchange.header(name) ?? '');
  checkUserMetadata(user);
  return { headers, user, tags: parseTagHeader(exchange.headerOrHoisted('x-amz-tagging')) };
}

/** @throws {S3Error} MetadataTooLarge */
export function checkUserMetadata(user: Readonly<Record<string, string>>): void {
  const size = Object.entries(user).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
  if (size <= MAX_USER_METADATA_BYTES) return;
  throw new S3Error('MetadataTooLarge', {
    Size: String(size),
    MaxSizeAllowed: String(MAX_USER_METADATA_BYTES),
  });
}

/** The answer's headers that describe a version: those of GET and HEAD. */
export function versionHeaders(
  exchange: Exchange,
  record: VersionRecord,
  options: { readonly checksum: boolean },
): Record<string, string> {
  const headers: Record<string, string> = {
    ...record.headers,
    'accept-ranges': 'bytes',
    etag: exchange.hasFault('wrong-etag') ? '"00000000000000000000000000000000"' : `"${record.etag}"`,
    'last-modified': new Date(record.modifiedAtMs).toUTCString(),
    ...versionIdHeader(exchange, record.versionId),
  };
  for (const [name, value] of Object.entries(record.user)) headers[`${META_PREFIX}${name}`] = value;
  const tagCount = Object.keys(record.tags).length;
  if (tagCount > 0) headers['x-amz-tagging-count'] = String(tagCount);
  // As in S3, the mode counts only as a header: hoisted into a presigned query it does nothing.
  const asked = exchange.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  if (asked && options.checksum && record.checksum !== undefined) {
    headers[checksumHeader(record.checksum.algorithm)] = record.checksum.value;
    headers['x-amz-checksum-type'] = record.checksum.type;
  }
  return headers;
}

/** `x-amz-version-id`, unless the bucket never had versions. */
export function versionIdHeader(exchange: Exchange, versionId: string): Record<string, string> {
  return exchange.bucket.record.versioning === 'Off' ? {} : { 'x-amz-version-id': versionId };
}

/**
 * The `response-*` overrides of a GET or HEAD.
 * @throws {S3Error} InvalidArgument if a value cannot stand in a header
 */
export function responseOverrides(exchange: Exchange): Record<string, string> {
  const overrides: Record<string, string> = {};
  for (const name of STORED_HEADERS) {
    const value = exchange.query.get(`response-${name}`);
    if (value === undefined) continue;
    // oxlint-disable-next-line no-control-regex -- a header value must not hold them
    if (/[^\t\u0020-\u007e\u0080-\u00ff]/.test(value)) {
      throw invalidArgument(
        'Header value cannot be represented using ISO-8859-1.',
        `response-${name}`,
        value,
      );
    }
    overrides[name] = value;
  }
  return overrides;
}

function addUser(user: Record<string, string>, name: string, value: string): void {
  const lower = name.toLowerCase();
  if (lower.startsWith(META_PREFIX)) user[lower.slice(META_PREFIX.length)] = value;
}

/** `aws-chunked` is how the body travelled, not what it is. */
function contentEncoding(exchange: Exchange): string | undefined {
  const kept = (exchange.header('content-encoding') ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && item !== 'aws-chunked');
  return kept.length === 0 ? undefined : kept.join(',');
}
