import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineCrc32c, crc32c, crc32cFromBase64, crc32cToBase64 } from '../../../shared/crc32c.ts';
import { formatDigest, parseDigest, sameDigest } from '../../../shared/digest.ts';
import { MAX_OBJECT_BYTES, MAX_PARTS, MAX_PART_BYTES } from '../../../shared/limits.ts';
import { planParts, streamPartSizeBytes, uploadPartSizeBytes } from '../../../shared/part-plan.ts';

const MIB = 1024 ** 2;

describe('planParts', () => {
  it.each([0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, MAX_OBJECT_BYTES])(
    'covers size %d exactly once',
    (size) => {
      const plan = planParts(size, 8 * MIB);
      let at = 0;
      // Every part of a small plan; of 6,4 million parts the ends and a sample.
      const step = Math.max(1, Math.floor(plan.count / 1000));
      for (let index = 0; index < plan.count; index += step) {
        const { start, end } = plan.span(index);
        expect(start).toBe(index * 8 * MIB);
        expect(end).toBeGreaterThan(start);
        if (index + 1 < plan.count) expect(plan.span(index + 1).start).toBe(end);
        at = end;
      }
      if (plan.count > 0) at = plan.span(plan.count - 1).end;
      expect(at).toBe(size);
      expect(() => plan.span(plan.count)).toThrow(RangeError);
    },
  );

  it('covers any size with any part size exactly once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 1, max: 5000 }),
        (size, partSize) => {
          const plan = planParts(size, partSize);
          const spans = Array.from({ length: plan.count }, (_, index) => plan.span(index));
          const total = spans.reduce((sum, { start, end }) => sum + end - start, 0);
          expect(total).toBe(size);
          expect(spans.every(({ start }, index) => start === (spans[index - 1]?.end ?? 0))).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('refuses sizes beyond S3 and part sizes below 1', () => {
    expect(() => planParts(MAX_OBJECT_BYTES + 1, 1)).toThrow('sizeBytes: got');
    expect(() => planParts(1, 0)).toThrow('partSizeBytes: got 0');
  });
});

describe('part sizes for uploads', () => {
  it('let 10,000 parts suffice for any object', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_OBJECT_BYTES }), (size) => {
        const partSize = uploadPartSizeBytes(size, 16 * MIB);
        expect(planParts(size, partSize).count).toBeLessThanOrEqual(MAX_PARTS);
        expect(partSize).toBeLessThanOrEqual(MAX_PART_BYTES + MIB);
        expect(partSize).toBeGreaterThanOrEqual(16 * MIB);
      }),
    );
  });

  it('grow with a stream, staying within the largest part', () => {
    expect([1, 1000, 1001, 2001].map((n) => streamPartSizeBytes(n, 8 * MIB) / MIB)).toEqual([8, 8, 16, 32]);
    expect(streamPartSizeBytes(MAX_PARTS, 8 * MIB)).toBeLessThanOrEqual(MAX_PART_BYTES);
  });
});

describe('CRC32C', () => {
  it('has the check value of its definition', () => {
    // https://reveng.sourceforge.io/crc-catalogue/all.htm#crc.cat.crc-32-iscsi
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32cToBase64(0xe3069283)).toBe('4waSgw==');
    expect(crc32cFromBase64('4waSgw==')).toBe(0xe3069283);
    expect(crc32cFromBase64('4waSgw')).toBeUndefined();
  });

  it('of the whole follows from the CRCs of its pieces, however cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }), (pieces) => {
        const whole = crc32c(Buffer.concat(pieces));
        expect(pieces.reduce((crc, piece) => combineCrc32c(crc, crc32c(piece), piece.length), 0)).toBe(whole);
        expect(pieces.reduce((crc, piece) => crc32c(piece, crc), 0)).toBe(whole);
      }),
    );
  });

  it('combines over lengths beyond 32 bits', () => {
    // zeros: crc(a ++ 0^n) computed in one step and in two halves
    const n = 5 * 1024 ** 3;
    const zeros = (length: number): number => {
      let crc = crc32c(Buffer.alloc(1));
      let have = 1;
      while (have * 2 <= length) [crc, have] = [combineCrc32c(crc, crc, have), have * 2];
      return have === length ? crc : combineCrc32c(crc, zeros(length - have), length - have);
    };
    const a = crc32c(Buffer.from('a'));
    const half = combineCrc32c(combineCrc32c(a, zeros(n / 2), n / 2), zeros(n / 2), n / 2);
    expect(combineCrc32c(a, zeros(n), n)).toBe(half);
  });
});

describe('digest', () => {
  it('round-trips, and finds sha-256 among other members', () => {
    const sha = Buffer.alloc(32, 7);
    expect(parseDigest(formatDigest(sha))).toEqual(sha);
    expect(sameDigest(`sha-512=:AAAA:, ${formatDigest(sha)}`, formatDigest(sha))).toBe(true);
    expect(() => parseDigest('sha-512=:AAAA:')).toThrow(TypeError);
  });
});
