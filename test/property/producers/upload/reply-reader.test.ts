import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReplyReader } from '../../../../producers/upload/fast/reply-reader.ts';

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

describe('any cuts of a reply', () => {
  it('give the same reply, at its last byte and not before', () => {
    const text = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 5 }),
        fc.boolean(),
        fc.array(fc.nat(600), { maxLength: 20 }),
        (texts, chunked, at) => {
          const framing = chunked
            ? `Transfer-Encoding: chunked\r\n\r\n${texts.map(chunk).join('')}0\r\n\r\n`
            : `Content-Length: ${texts.join('').length}\r\n\r\n${texts.join('')}`;
          const wire = Buffer.from(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nETag: "e"\r\n${framing}`);
          const edges = [0, ...at.filter((cut) => cut < wire.length).sort((a, b) => a - b), wire.length];
          const reader = createReplyReader(false);
          for (const [index, start] of edges.slice(0, -2).entries())
            expect(reader.push(wire.subarray(start, edges[index + 1]))).toBeUndefined();
          const reply = reader.push(wire.subarray(edges.at(-2)));
          expect(reply?.body.toString()).toBe(texts.join(''));
          expect(reply?.headers.get('etag')).toBe('"e"');
        },
      ),
      { numRuns: 500 },
    );
  });
});
