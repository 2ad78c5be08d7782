import { describe, expect, it } from 'vitest';
import { parseHead } from '../../../../../consumers/download/fast/response-head.ts';

const head = (...lines: string[]): string => lines.join('\r\n');
const OK = 'HTTP/1.1 200 OK';

describe('parseHead', () => {
  it('reads a plain answer', () => {
    const got = parseHead(head(OK, 'Content-Length: 5', 'ETag: "e"', 'x-a: 1', 'X-A:2', 'Empty:'));
    expect(got).toMatchObject({ status: 200, body: 5, keepAliveMs: Infinity });
    expect({ ...(got as { headers: object }).headers }).toEqual({
      'content-length': '5',
      etag: '"e"',
      'x-a': '1, 2',
      empty: '',
    });
  });

  it('reads a range whose length agrees', () => {
    const lines = ['HTTP/1.1 206 Partial Content', 'content-length: 4', 'content-range: bytes 6-9/100'];
    expect(parseHead(head(...lines))).toMatchObject({ status: 206, body: 4 });
  });

  it('reads errors with a length and in chunks', () => {
    expect(parseHead(head('HTTP/1.1 403 Forbidden', 'Content-Length: 0'))).toMatchObject({ body: 0 });
    expect(parseHead(head('HTTP/1.1 403 Forbidden', 'Transfer-Encoding: chunked'))).toMatchObject({
      status: 403,
      body: 'chunked',
    });
  });

  it('keeps a connection as long as the server says', () => {
    const length = 'content-length: 0';
    expect(parseHead(head(OK, length, 'Connection: close'))).toMatchObject({ keepAliveMs: 0 });
    expect(parseHead(head(OK, length, 'Keep-Alive: timeout=5, max=9'))).toMatchObject({ keepAliveMs: 5_000 });
  });

  it('takes a header named like a property of objects for a header', () => {
    expect(parseHead(head(OK, 'content-length: 0', 'constructor: a', '__proto__: b'))).toMatchObject({
      status: 200,
    });
  });

  it.each([
    ['HTTP/1.0', head('HTTP/1.0 200 OK', 'content-length: 1')],
    ['no reason phrase', head('HTTP/1.1 200', 'content-length: 1')],
    ['another version', head('HTTP/2 200 OK', 'content-length: 1')],
    ['an interim answer', head('HTTP/1.1 100 Continue')],
    ['no content', head('HTTP/1.1 204 No Content', 'content-length: 0')],
    ['not modified', head('HTTP/1.1 304 Not Modified', 'content-length: 0')],
    ['no length', head(OK, 'etag: "e"')],
    ['two lengths', head(OK, 'content-length: 1', 'Content-Length: 1')],
    ['a list of lengths', head(OK, 'content-length: 1, 1')],
    ['a signed length', head(OK, 'content-length: +1')],
    ['a length with zeros before', head(OK, 'content-length: 01')],
    ['a hexadecimal length', head(OK, 'content-length: 0x1')],
    ['a length beyond all numbers', head(OK, 'content-length: 9999999999999999')],
    ['an empty length', head(OK, 'content-length:')],
    ['chunks with a good status', head(OK, 'transfer-encoding: chunked')],
    ['chunks and a length', head('HTTP/1.1 403 F', 'transfer-encoding: chunked', 'content-length: 1')],
    ['two encodings', head('HTTP/1.1 403 F', 'transfer-encoding: gzip, chunked')],
    ['a content encoding', head(OK, 'content-length: 1', 'content-encoding: gzip')],
    ['a trailer', head(OK, 'content-length: 1', 'trailer: x')],
    ['an upgrade', head(OK, 'content-length: 1', 'upgrade: h2c')],
    ['an odd connection', head(OK, 'content-length: 1', 'connection: upgrade')],
    ['two etags', head(OK, 'content-length: 1', 'etag: "a"', 'etag: "b"')],
    ['a folded line', head(OK, 'content-length: 1', 'x: a', ' b')],
    ['a space before the colon', head(OK, 'content-length : 1')],
    ['a bare LF', head(OK, 'x: a\ncontent-length: 1')],
    ['a bare CR', head(OK, 'content-length: 1', 'x: a\rb')],
    ['a NUL', head(OK, 'content-length: 1', 'x: a\0b')],
    ['letters beyond ASCII', head(OK, 'content-length: 1', 'x: \u00e4')],
    ['a range without Content-Range', head('HTTP/1.1 206 P', 'content-length: 1')],
    ['a range of another length', head('HTTP/1.1 206 P', 'content-length: 3', 'content-range: bytes 0-1/9')],
    ['several ranges', head('HTTP/1.1 206 P', 'content-length: 3', 'content-type: multipart/byteranges')],
    ['an empty line within', head(OK, '', 'content-length: 1')],
    ['nothing', ''],
  ])('leaves to others: %s', (_, text) => {
    expect(parseHead(text)).toHaveProperty('unsupported');
  });
});
