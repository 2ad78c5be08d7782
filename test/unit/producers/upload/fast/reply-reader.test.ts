import { describe, expect, it } from 'vitest';
import { HttpExchangeError } from '../../../../../producers/upload/fast/http-reply.ts';
import { createReplyReader } from '../../../../../producers/upload/fast/reply-reader.ts';

const read = (text: string, toHead = false) => createReplyReader(toHead).push(Buffer.from(text, 'latin1'));

describe('createReplyReader', () => {
  it('reads a reply of known length', () => {
    const reply = read('HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 3\r\nX: a\r\nx:  b \r\n\r\nabc');
    expect(reply).toMatchObject({ status: 200, keepAlive: true });
    expect(reply?.body.toString()).toBe('abc');
    expect(Object.fromEntries(reply?.headers ?? [])).toEqual({
      etag: '"e"',
      'content-length': '3',
      x: 'a, b',
    });
  });

  it('reads chunks with extensions and trailers', () => {
    const reply = read(
      'HTTP/1.1 503 Slow\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n',
    );
    expect(reply?.body.toString()).toBe('abc0123456789');
  });

  it('passes over interim replies', () => {
    expect(
      read('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 204 None\r\n\r\n'),
    ).toMatchObject({ status: 204 });
  });

  it('expects no body of a reply to HEAD', () => {
    expect(read('HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n', true)).toMatchObject({
      status: 200,
    });
  });

  it.each([
    ['HTTP/1.1', 'close', false],
    ['HTTP/1.1', 'keep-alive', true],
    ['HTTP/1.0', 'x', false],
    ['HTTP/1.0', 'Keep-Alive', true],
  ])('knows whether %s with Connection: %s stays open', (version, connection, keepAlive) => {
    expect(read(`${version} 200 OK\r\nContent-Length: 0\r\nConnection: ${connection}\r\n\r\n`)).toMatchObject(
      { keepAlive },
    );
  });

  it.each([
    ['no status line', 'HELLO\r\n\r\n'],
    ['another version', 'HTTP/2 200 OK\r\n\r\n'],
    ['a malformed header', 'HTTP/1.1 200 OK\r\nno colon\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
    ['a bare line feed', 'HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n'],
    ['no length at all', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['another encoding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    ['a malformed chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
    ['a chunk of another length', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n'],
    ['too long a body', 'HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n'],
    ['too long a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n'],
    ['too long a head', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(40_000)}`],
    ['an endless chunk line', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'0'.repeat(300)}`],
    ['another protocol', 'HTTP/1.1 101 Switching\r\n\r\n'],
    ['bytes after its end', 'HTTP/1.1 204 None\r\n\r\nHTTP/1.1 204 None\r\n\r\n'],
  ])('fails on %s', (_, text) => {
    expect(() => read(text)).toThrow(HttpExchangeError);
  });
});
