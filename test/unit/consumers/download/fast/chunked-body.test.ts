import { describe, expect, it } from 'vitest';
import { MAX_CHUNKED_BYTES, parseChunked } from '../../../../../consumers/download/fast/chunked-body.ts';

const raw = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('parseChunked', () => {
  it('reads chunks to their end, and no further', () => {
    const body = '5\r\nhello\r\n00A\r\n, wide wor\r\n2\r\nld\r\n0\r\n\r\n';
    expect(parseChunked(raw(`${body}HTTP/1.1`))).toEqual({
      state: 'done',
      text: raw('hello, wide world'),
      rawBytes: body.length,
    });
  });

  it('wants more at every cut', () => {
    const body = '5\r\nhello\r\n1f\r\n0123456789012345678901234567890\r\n0\r\n\r\n';
    for (let cut = 0; cut < body.length; cut += 1) {
      expect(parseChunked(raw(body.slice(0, cut))).state, `cut at ${cut}`).toBe('more');
    }
  });

  it('shows what has come of a body that is cut', () => {
    expect(parseChunked(raw('5\r\nhello\r\n8\r\nwor')).text.toString()).toBe('hellowor');
  });

  it('stops where it is long enough', () => {
    const long = `ffff\r\n${'x'.repeat(40_000)}`;
    const got = parseChunked(raw(long));
    expect(got.state).toBe('full');
    expect(got.text).toHaveLength(MAX_CHUNKED_BYTES);
  });

  it.each([
    ['an extension', '5;a=b\r\nhello\r\n0\r\n\r\n'],
    ['a bare LF', '5\nhello\r\n0\r\n\r\n'],
    ['no CRLF after the data', '5\r\nhelloX\r\n0\r\n\r\n'],
    ['a bare LF after the data', '5\r\nhello\n0\r\n\r\n'],
    ['a trailer', '0\r\nx: y\r\n\r\n'],
    ['a sign', '-5\r\nhello\r\n'],
    ['a prefix', '0x5\r\nhello\r\n'],
    ['a space', '5 \r\nhello\r\n'],
    ['a size beyond all', 'fffffff\r\n'],
    ['an empty size', '\r\n\r\n'],
  ])('refuses %s', (_, text) => {
    expect(parseChunked(raw(text)).state).toBe('bad');
  });
});
