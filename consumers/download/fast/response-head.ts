/** Longest head that is read, in bytes; S3's are below 2 KiB. */
export const MAX_HEAD_BYTES = 16 * 1024;

/** The head of an answer that can be read without doubt. */
export interface ResponseHead {
  readonly status: number;
  /** Names in lower case; repeated ones joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body, or that it comes in chunks; the latter only with an error status. */
  readonly body: number | 'chunked';
  /** How long the server keeps the connection, in milliseconds; 0 if it closes it. Infinity if it does not say. */
  readonly keepAliveMs: number;
}

/** A head, or why it is left to a fuller HTTP implementation. */
export type HeadVerdict = ResponseHead | { readonly unsupported: string };

const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d) [\t\x20-\x7e]*$/;
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)? *$/;
const LENGTH = /^(?:0|[1-9]\d{0,14})$/;
const RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(?:\d{1,15}|\*)$/;

/** Twice, any of these leaves room for two readings of one answer. */
const ONCE = new Set([
  'content-length',
  'transfer-encoding',
  'content-range',
  'content-encoding',
  'content-type',
  'connection',
  'keep-alive',
  'etag',
  'x-amz-version-id',
  'date',
  'retry-after',
]);

/** Anything that changes what the bytes on the wire mean. */
const REFUSED = ['content-encoding', 'upgrade', 'trailer', 'transfer-encoding'];

/**
 * Reads a head, without its closing empty line, as strictly as possible: what could be read in two ways is not read.
 * Only ASCII, CRLF, no folding, no doubled framing, exactly one Content-Length; chunks only with an error status.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
export function parseHead(text: string): HeadVerdict {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = Number(STATUS_LINE.exec(statusLine)?.[1] ?? 0);
  if (status === 0) return { unsupported: 'the status line' };
  if (status < 300 ? status !== 200 && status !== 206 : status === 304) {
    return { unsupported: `status ${status}` };
  }
  const headers = Object.create(null) as Record<string, string>;
  for (const line of lines) {
    const field = FIELD_LINE.exec(line);
    if (field === null) return { unsupported: 'a header line' };
    const name = (field[1] ?? '').toLowerCase();
    const value = field[2] ?? '';
    const before = headers[name];
    if (before !== undefined && ONCE.has(name)) return { unsupported: `${name} twice` };
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  const body = bodyOf(status, headers);
  if (typeof body === 'object') return body;
  const keepAliveMs = keepAliveOf(headers);
  if (keepAliveMs === undefined) return { unsupported: 'connection' };
  return { status, headers, body, keepAliveMs };
}

function bodyOf(
  status: number,
  headers: Readonly<Record<string, string>>,
): number | 'chunked' | { readonly unsupported: string } {
  const text = headers['content-length'];
  const chunked = text === undefined && headers['transfer-encoding']?.toLowerCase() === 'chunked';
  if (chunked && status >= 300) {
    const other = REFUSED.find((name) => name !== 'transfer-encoding' && headers[name] !== undefined);
    return other === undefined ? 'chunked' : { unsupported: other };
  }
  const refused = REFUSED.find((name) => headers[name] !== undefined);
  if (refused !== undefined) return { unsupported: refused };
  if (text === undefined || !LENGTH.test(text)) return { unsupported: 'content-length' };
  const length = Number(text);
  if (status !== 206) return length;
  const range = RANGE.exec(headers['content-range'] ?? '');
  const exact = range !== null && Number(range[2]) - Number(range[1]) + 1 === length;
  return exact ? length : { unsupported: 'content-range' };
}

/** @see https://www.rfc-editor.org/rfc/rfc9112#section-9.3 */
function keepAliveOf(headers: Readonly<Record<string, string>>): number | undefined {
  const connection = headers['connection']?.toLowerCase() ?? 'keep-alive';
  if (connection === 'close') return 0;
  if (connection !== 'keep-alive') return undefined;
  const seconds = /(?:^|[ ,])timeout=(\d{1,6})(?:$|[ ,])/i.exec(headers['keep-alive'] ?? '')?.[1];
  return seconds === undefined ? Infinity : Number(seconds) * 1_000;
}
