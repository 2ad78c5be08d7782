import { describe, expect, it } from 'vitest';
import { Coverage, rangeStart } from '../../../../cli/page/coverage.ts';

describe('bytes that have been somewhere', () => {
  it('counts each byte once, whatever the order and the overlap', () => {
    const coverage = new Coverage();
    for (const [start, end] of [
      [10, 20],
      [30, 40],
      [15, 32],
      [0, 5],
      [40, 41],
      [7, 7],
    ] as const)
      coverage.add(start, end);
    expect(coverage.bytes()).toBe(5 + 31);
    expect(coverage.spans()).toEqual([
      [0, 5],
      [10, 41],
    ]);
  });

  it.each([
    [undefined, 0],
    ['bytes=0-9', 0],
    ['bytes=8388608-16777215', 8_388_608],
    ['bytes=90-', 90],
    ['bytes=-10', 90],
    ['bytes=-1000', 0],
    ['bytes=0-1,5-6', 0],
  ])('Range %s of 100 bytes begins at %d', (range, start) => {
    expect(rangeStart(range, 100)).toBe(start);
  });
});
