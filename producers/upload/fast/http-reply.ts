/** Longest status line and headers together, in bytes. S3 sends below 2 KiB. */
export const MAX_HEAD_BYTES = 32 * 1024;

/** Longest body of a reply that is held, in bytes. What an upload gets back is XML of a few KiB. */
export const MAX_REPLY_BODY_BYTES = 1024 ** 2;

/** A whole reply. */
export interface HttpReply {
  readonly status: number;
  /** Names in lower case; values of a name that came more than once are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** True if the connection may carry another request. */
  readonly keepAlive: boolean;
}

/**
 * The conversation broke, or what came is no HTTP/1.1 reply that an S3 sends. Whether the request took effect is
 * unknown.
 */
export class HttpExchangeError extends Error {
  override readonly name = 'HttpExchangeError';
}

/** How a body ends. */
export type BodyFraming = { readonly kind: 'length'; readonly bytes: number } | { readonly kind: 'chunked' };

/** What stands before the body. */
export interface ReplyHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly framing: BodyFraming;
  readonly keepAlive: boolean;
}

const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: [^\r\n]*)?$/;
/** @see https://www.rfc-editor.org/rfc/rfc9110#section-5.1 */
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*$/;

/**
 * Reads status line and headers, strictly: no folded lines, no bare CR or LF, one meaning for the body's length.
 * @param text without the empty line at its end
 * @param toHead true for the reply to a HEAD, which has no body
 * @throws {HttpExchangeError} on anything else
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
export function parseReplyHead(text: string, toHead: boolean): ReplyHead {
  const [first = '', ...lines] = text.split('\r\n');
  const line = STATUS_LINE.exec(first);
  if (line === null) throw broken('a status line that is none');
  const status = Number(line[2]);
  const headers = new Map<string, string>();
  for (const field of lines) {
    const match = FIELD.exec(field);
    if (match === null) throw broken('a malformed header line');
    const name = (match[1] ?? '').toLowerCase();
    const value = match[2] ?? '';
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const connection = (headers.get('connection') ?? '').toLowerCase();
  return {
    status,
    headers,
    framing: framingOf(status, headers, toHead),
    keepAlive: line[1] === '1' ? !connection.includes('close') : connection.includes('keep-alive'),
  };
}

function framingOf(status: number, headers: ReadonlyMap<string, string>, toHead: boolean): BodyFraming {
  if (toHead || status < 200 || status === 204 || status === 304) return { kind: 'length', bytes: 0 };
  const encoding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (encoding !== undefined) {
    if (length !== undefined) throw broken('both Content-Length and Transfer-Encoding');
    if (encoding.toLowerCase() !== 'chunked') throw broken('an unknown Transfer-Encoding');
    return { kind: 'chunked' };
  }
  if (length === undefined) throw broken('neither Content-Length nor chunks');
  if (!/^\d{1,15}$/.test(length)) throw broken('a malformed Content-Length');
  const bytes = Number(length);
  if (bytes > MAX_REPLY_BODY_BYTES) throw broken(`a body of ${bytes} bytes`);
  return { kind: 'length', bytes };
}

/** An error about a reply. */
export function broken(what: string): HttpExchangeError {
  return new HttpExchangeError(`the reply has ${what}`);
}
