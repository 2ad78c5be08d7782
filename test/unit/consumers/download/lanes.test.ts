import { describe, expect, it } from 'vitest';
import { Lanes } from '../../../../consumers/download/lanes.ts';

const MIB = 1024 ** 2;

/** Lanes beside a thread that was busy for such shares of the time, one for each 8 MiB. */
function counts(most: number, shares: readonly number[]): number[] {
  const time = { idle: 1_000, active: 5_000 };
  const lanes = new Lanes(most, () => ({ ...time }));
  return [
    lanes.count,
    ...shares.map((share) => {
      time.active += 100 * share;
      time.idle += 100 * (1 - share);
      for (let part = 0; part < 4; part += 1) lanes.came(2 * MIB);
      return lanes.count;
    }),
  ];
}

describe('lanes', () => {
  it('begin with half of them, and become all while the thread waits for the network', () => {
    expect(counts(8, [0.3, 0.3])).toEqual([4, 8, 8]);
    expect(counts(32, [0.1, 0.1])).toEqual([16, 32, 32]);
  });

  it('are halved while the thread has no time left, down to one', () => {
    expect(counts(8, [1, 0.99, 0.96, 1])).toEqual([4, 2, 1, 1, 1]);
    expect(counts(5, [1, 1])).toEqual([3, 2, 1]);
  });

  it('come back when it has', () => {
    expect(counts(8, [1, 1, 0.5, 0.5, 0.5, 0.5])).toEqual([4, 2, 1, 2, 4, 8, 8]);
  });

  it('stay as they are in between', () => {
    expect(counts(8, [0.9, 0.82, 0.94])).toEqual([4, 4, 4, 4]);
  });

  it('are two or what there may be at the beginning, and never more than that', () => {
    expect(counts(1, [0.1, 1])).toEqual([1, 1, 1]);
    expect(counts(2, [0.1, 1, 0.1])).toEqual([2, 2, 1, 2]);
    expect(counts(3, [0.1, 0.1])).toEqual([2, 3, 3]);
  });

  it('are looked at every 8 MiB only', () => {
    let active = 0;
    const lanes = new Lanes(8, () => ({ idle: 0, active: (active += 100) }));
    for (let part = 0; part < 3; part += 1) lanes.came(2 * MIB);
    expect(lanes.count).toBe(4);
    lanes.came(2 * MIB);
    expect(lanes.count).toBe(2);
  });

  it('stay as they are where nothing is known of the thread', () => {
    const lanes = new Lanes(8, () => ({ idle: 0, active: 0 }));
    lanes.came(64 * MIB);
    expect(lanes.count).toBe(4);
  });
});
