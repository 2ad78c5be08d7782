import { createHmac, hash } from 'node:crypto';

/** The one algorithm that Waybill speaks. */
export const SIGV4_ALGORITHM = 'AWS4-HMAC-SHA256';

/** Payload hash of a request whose body is not covered by the signature. */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

/** SHA-256 of no bytes, in hex. */
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Lower-case hex SHA-256 of a text or of bytes. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/**
 * Percent-encodes everything but RFC 3986's unreserved characters; `/` too.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * The signing key of one day, region and service.
 * @param date the scope's date, `YYYYMMDD`
 */
export function deriveSigningKey(
  secretAccessKey: string,
  date: string,
  region: string,
  service: string,
): Buffer {
  const hmac = (key: string | Buffer, data: string): Buffer =>
    createHmac('sha256', key).update(data).digest();
  return hmac(hmac(hmac(hmac(`AWS4${secretAccessKey}`, date), region), service), 'aws4_request');
}

/** Hex HMAC-SHA256 of a string to sign. POST policies sign their base64 text directly. */
export function signString(signingKey: Buffer, stringToSign: string): string {
  return createHmac('sha256', signingKey).update(stringToSign).digest('hex');
}

/** `YYYYMMDDTHHMMSSZ` to epoch milliseconds; undefined if it is not such a date. */
export function parseAmzDate(text: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Epoch milliseconds to `YYYYMMDDTHHMMSSZ`. */
export function formatAmzDate(ms: number): string {
  return isoSeconds(ms).replaceAll(/[-:]/g, '');
}

/** Epoch milliseconds to `YYYY-MM-DDTHH:MM:SSZ`, as S3 prints times in errors. */
export function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/**
 * One part of a URL decoded.
 * @throws {URIError} on a bad percent sequence or bytes that are not UTF-8.
 */
export function decodeQueryPart(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/**
 * Decoded name and value pairs of a raw query, in order. `?a` and `?a=` are the same.
 * @throws {URIError} on a bad percent sequence.
 */
export function parseRawQuery(query: string): [string, string][] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      const name = at === -1 ? pair : pair.slice(0, at);
      return [decodeQueryPart(name), at === -1 ? '' : decodeQueryPart(pair.slice(at + 1))];
    });
}

/**
 * The canonical form of a raw path.
 *
 * S3 decodes the path and encodes it once, keeping `//` and dot segments, since those are part of keys.
 * Other services drop empty and dot segments and encode the text as received once more.
 *
 * @throws {URIError} on a bad percent sequence (S3 only).
 */
export function canonicalPath(rawPath: string, doubleEncode: boolean): string {
  if (!doubleEncode) {
    return rawPath
      .split('/')
      .map((segment) => uriEncode(decodeURIComponent(segment)))
      .join('/');
  }
  const kept: string[] = [];
  for (const segment of rawPath.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(uriEncode(segment));
  }
  const trailing = rawPath.endsWith('/') && kept.length > 0 ? '/' : '';
  return `/${kept.join('/')}${trailing}`;
}

/** The canonical form of decoded query pairs, without the signature itself. */
export function canonicalQuery(pairs: readonly (readonly [string, string])[]): string {
  return pairs
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
