import {
  broken,
  MAX_HEAD_BYTES,
  MAX_REPLY_BODY_BYTES,
  parseReplyHead,
  type HttpReply,
  type ReplyHead,
} from './http-reply.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');

/** Longest line that begins a chunk, in bytes; extensions are not expected. */
const MAX_CHUNK_LINE_BYTES = 256;

/** Puts one reply together from what a socket gives. */
export interface ReplyReader {
  /**
   * Takes the next bytes; returns the reply once it is whole.
   * @throws {HttpExchangeError} if it is malformed, too long, or has bytes after its end
   */
  push(bytes: Buffer): HttpReply | undefined;
  /** True once a byte has come. */
  readonly begun: boolean;
}

/**
 * Makes a reader of one reply. Interim replies (1xx) are passed over.
 * @param toHead true for the reply to a HEAD, which has no body
 */
export function createReplyReader(toHead: boolean): ReplyReader {
  let pending: Buffer = Buffer.alloc(0);
  let head: ReplyHead | undefined;
  let body: Buffer[] = [];
  let bodyBytes = 0;
  let begun = false;

  const readHead = (): ReplyHead | undefined => {
    for (;;) {
      const end = pending.indexOf(HEAD_END);
      if (end === -1 ? pending.length > MAX_HEAD_BYTES : end > MAX_HEAD_BYTES)
        throw broken('too long a head');
      if (end === -1) return undefined;
      const found = parseReplyHead(pending.toString('latin1', 0, end), toHead);
      pending = pending.subarray(end + HEAD_END.length);
      if (found.status >= 200) return found;
      if (found.status === 101) throw broken('another protocol');
    }
  };

  const take = (bytes: number): void => {
    body.push(pending.subarray(0, bytes));
    bodyBytes += bytes;
    pending = pending.subarray(bytes);
  };

  /** True once the last chunk and its trailers have come. */
  const readChunks = (): boolean => {
    for (;;) {
      const end = pending.indexOf(LINE_END);
      if (end === -1 ? pending.length > MAX_CHUNK_LINE_BYTES : end > MAX_CHUNK_LINE_BYTES)
        throw broken('too long a chunk line');
      if (end === -1) return false;
      const size = /^([0-9a-fA-F]{1,8})(?:[ \t]*;.*)?$/.exec(pending.toString('latin1', 0, end))?.[1];
      if (size === undefined) throw broken('a malformed chunk');
      const bytes = Number.parseInt(size, 16);
      if (bytes === 0) return readTrailers(end + LINE_END.length);
      if (bodyBytes + bytes > MAX_REPLY_BODY_BYTES) throw broken('too long a body');
      const from = end + LINE_END.length;
      if (pending.length < from + bytes + LINE_END.length) return false;
      pending = pending.subarray(from);
      take(bytes);
      if (!pending.subarray(0, LINE_END.length).equals(LINE_END)) throw broken('a chunk of another length');
      pending = pending.subarray(LINE_END.length);
    }
  };

  /** Trailers are passed over: nothing that an upload asks for comes there. */
  const readTrailers = (from: number): boolean => {
    const rest = pending.subarray(from);
    if (rest.subarray(0, LINE_END.length).equals(LINE_END)) {
      pending = rest.subarray(LINE_END.length);
      return true;
    }
    const end = rest.indexOf(HEAD_END);
    if (end === -1) {
      if (rest.length > MAX_HEAD_BYTES) throw broken('too long trailers');
      return false;
    }
    pending = rest.subarray(end + HEAD_END.length);
    return true;
  };

  return {
    push(bytes) {
      begun = true;
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
      head ??= readHead();
      if (head === undefined) return undefined;
      const { status, headers, framing, keepAlive } = head;
      if (framing.kind === 'chunked') {
        if (!readChunks()) return undefined;
      } else {
        if (pending.length < framing.bytes) return undefined;
        take(framing.bytes);
      }
      if (pending.length > 0) throw broken('bytes after its end');
      const whole = Buffer.concat(body, bodyBytes);
      body = [];
      return { status, headers, body: whole, keepAlive };
    },
    get begun() {
      return begun;
    },
  };
}
