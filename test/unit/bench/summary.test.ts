import { describe, expect, it } from 'vitest';
import type { Goal, RaceResult } from '../../../bench/harness/race.ts';
import { judge, spread, summarise } from '../../../bench/harness/summary.ts';
import { raceTable } from '../../../bench/harness/table.ts';

const GIB = 1024 ** 3;

function lane(name: string, wall: readonly number[], said: Record<string, unknown> = {}) {
  const samples = wall.map((wallSeconds) => ({
    wallSeconds,
    cpuSeconds: wallSeconds / 2,
    peakRssBytes: wall.indexOf(wallSeconds) === 0 ? 50e6 : 70e6,
    insideSeconds: wallSeconds - 0.5,
    said,
  }));
  return { name, checks: 'nothing', samples };
}

function race(goals: readonly Goal[], more: Partial<RaceResult> = {}): RaceResult {
  const lanes = [lane('curl', [2, 4, 3]), lane('ours', [1, 2, 1.5], { fetchedBytes: 2 * GIB * 1.01 })];
  return { id: 'r', title: 'Race', bytes: 2 * GIB, reference: 'curl', lanes, goals, ...more };
}

describe('spread', () => {
  it('takes the middle of an odd count, and the mean of the two middles of an even one', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spread([4, 1, 2, 3]).median).toBe(2.5);
  });

  it('fails for no values', () => {
    expect(() => spread([])).toThrow(RangeError);
  });
});

describe('summarise', () => {
  it('divides medians of the whole process, CPU by GiB, and takes the largest memory of all rounds', () => {
    const [curl, ours] = summarise(race([]));
    expect(curl?.ratio).toBe(1);
    expect(ours).toMatchObject({ ratio: 2, cpuSecondsPerGib: 0.375, peakRssBytes: 70e6 });
  });

  it("compares the clients' own clocks where start-up shall not count", () => {
    expect(summarise(race([], { basis: 'inside' }))[1]?.ratio).toBe(2.5);
  });
});

describe('judge', () => {
  const goal = (metric: Goal['metric'], floor: number, aim: number, peer?: string): Goal => ({
    contestant: 'ours',
    metric,
    floor,
    aim,
    ...(peer === undefined ? {} : { peer }),
  });

  it.each([
    [goal('speed', 1, 1.9, 'curl'), 2, 'aim reached'],
    [goal('speed', 1, 2.1, 'curl'), 2, 'floor reached'],
    [goal('speed', 2.1, 3, 'curl'), 2, 'missed'],
    [goal('peak-rss', 110e6, 80e6), 70e6, 'aim reached'],
    [goal('peak-rss', 60e6, 50e6), 70e6, 'missed'],
    [goal('extra-time', 0.05, 0.01, 'curl'), -0.5, 'aim reached'],
    [goal('extra-bytes', 0.02, 0), 0.01, 'floor reached'],
  ])('%o measures %f: %s', (asked, measured, verdict) => {
    const [judged] = judge(race([asked]));
    expect(judged?.measured).toBeCloseTo(measured, 6);
    expect(judged?.verdict).toBe(verdict);
  });

  it('leaves out whom nobody let run', () => {
    expect(judge(race([goal('speed', 1, 2, 'aria2')]))).toEqual([]);
  });
});

describe('raceTable', () => {
  it('is Markdown with a row for each contestant, and escapes the bars of a shell pipe', () => {
    const lanes = [lane('curl', [2]), lane('curl | sha256sum', [4])];
    const table = raceTable(race([], { lanes, requests: 100 }));
    expect(table).toContain('Median (lowest–highest) of 1 rounds.');
    const rows = table.split('\n').filter((line) => line.startsWith('|'));
    expect(new Set(rows.map((row) => row.length)).size).toBe(1);
    expect(rows[3]).toMatch(/^\| curl \\\| sha256sum +\| nothing +\| 4\.00 .*\| 25 +\| 0\.50 /);
  });
});
