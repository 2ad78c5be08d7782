import { createHash, createHmac } from 'node:crypto';

/*
 * Signature Version 4 by the letter of its specification, written for this suite alone: it shares no code with
 * what it tests.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */

/** Header names with their values; several values are several header lines. */
export type HeaderLines = readonly (readonly [string, string])[];

/** What is signed. Path and query are decoded: the canonical form is made of them. */
export interface Signable {
  readonly method: string;
  /** As it stands in the request, percent-encoded. */
  readonly path: string;
  /** Names and values, decoded. */
  readonly query: HeaderLines;
  /** Those that are signed, `host` included. */
  readonly headers: HeaderLines;
  readonly payloadHash: string;
}

/** Who signs, when and for what. */
export interface Scope {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  readonly service: string;
  /** Of the credential scope, `YYYYMMDD`. */
  readonly date: string;
  /** Of the request, `YYYYMMDDTHHMMSSZ`. */
  readonly amzDate: string;
}

/** Hex SHA-256. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Percent-encodes all but `A-Za-z0-9-._~`, byte by byte. */
export function percentEncode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9\-._~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** Epoch milliseconds as `YYYYMMDDTHHMMSSZ`. */
export function amzDateOf(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

/** The query in canonical form, which is also a good one to send. */
export function canonicalQuery(query: HeaderLines): string {
  return query
    .map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? order(x, y) : order(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** Names of signed headers, as `SignedHeaders` lists them. */
export function signedHeaderNames(headers: HeaderLines): string {
  return [...new Set(headers.map(([name]) => name.toLowerCase()))].sort(order).join(';');
}

/** The text whose hash is signed. */
export function canonicalRequest(request: Signable): string {
  const names = signedHeaderNames(request.headers);
  const lines = names.split(';').map((name) => {
    const values = request.headers
      .filter(([given]) => given.toLowerCase() === name)
      .map(([, value]) => value.trim().replaceAll(/\s+/g, ' '));
    return `${name}:${values.join(',')}\n`;
  });
  const { method, path, query, payloadHash } = request;
  return [method, path, canonicalQuery(query), lines.join(''), names, payloadHash].join('\n');
}

/** `<date>/<region>/<service>/aws4_request` */
export function scopeText({ date, region, service }: Scope): string {
  return `${date}/${region}/${service}/aws4_request`;
}

/** Hex signature of a string to sign. POST forms sign their policy this way. */
export function signText(scope: Scope, text: string): string {
  const mac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
  const day = mac(`AWS4${scope.secretAccessKey}`, scope.date);
  const key = mac(mac(mac(day, scope.region), scope.service), 'aws4_request');
  return mac(key, text).toString('hex');
}

/** Hex signature of a request. */
export function signRequest(scope: Scope, request: Signable): string {
  const hash = sha256(canonicalRequest(request));
  return signText(scope, ['AWS4-HMAC-SHA256', scope.amzDate, scopeText(scope), hash].join('\n'));
}

function order(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
