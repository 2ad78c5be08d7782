import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_OBJECT_BYTES } from '../../../shared/limits.ts';
import { planParts } from '../../../shared/part-plan.ts';

const PART = 8 * 1024 ** 2;

describe('planParts for downloads', () => {
  it.each([
    [0, 0],
    [1, 1],
    [PART - 1, 1],
    [PART, 1],
    [PART + 1, 2],
    [MAX_OBJECT_BYTES, MAX_OBJECT_BYTES / PART],
  ])('cuts %d bytes into %d parts that begin at 0 and end at the size', (sizeBytes, count) => {
    const plan = planParts(sizeBytes, PART);
    expect(plan.count).toBe(count);
    if (count === 0) return;
    expect(plan.span(0).start).toBe(0);
    expect(plan.span(count - 1).end).toBe(sizeBytes);
  });

  it('covers every byte exactly once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500_000 }), fc.integer({ min: 1, max: 60_000 }), (size, part) => {
        const plan = planParts(size, Math.max(part, Math.ceil(size / 2_000), 1));
        let at = 0;
        for (let index = 0; index < plan.count; index += 1) {
          const { start, end } = plan.span(index);
          expect(start).toBe(at);
          expect(end).toBeGreaterThan(start);
          at = end;
        }
        expect(at).toBe(size);
      }),
    );
  });

  it('finds the neighbours of any part of any size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: PART + 1, max: MAX_OBJECT_BYTES }),
        fc.integer({ min: 1, max: PART }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (size, part, where) => {
          const plan = planParts(size, part);
          const index = Math.floor(where * (plan.count - 1));
          expect(plan.span(index).end).toBe(plan.span(index + 1).start);
        },
      ),
    );
  });
});
