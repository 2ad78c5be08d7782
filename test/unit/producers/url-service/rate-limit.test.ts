import { describe, expect, it } from 'vitest';
import { authoriseByTable } from '../../../../producers/url-service/authorise.ts';
import { mapBounded } from '../../../../producers/url-service/map-bounded.ts';
import { createRateLimiter } from '../../../../producers/url-service/rate-limit.ts';

describe('the rate limiter', () => {
  it('grants a burst, then the rate, and no more than a burst after a rest', () => {
    let nowMs = 0;
    const take = createRateLimiter({ perCallerPerSecond: 2, burst: 3 }, { monotonicMs: () => nowMs });
    const takeAll = (times: number): number =>
      Array.from({ length: times }, () => take('a')).filter(Boolean).length;
    expect(takeAll(5)).toBe(3);
    nowMs += 500;
    expect(takeAll(5)).toBe(1);
    nowMs += 60_000;
    expect(takeAll(5)).toBe(3);
    expect(take('b')).toBe(true);
  });

  it('fails on a rate of zero, naming the field', () => {
    const make = () => createRateLimiter({ perCallerPerSecond: 0, burst: 1 }, { monotonicMs: () => 0 });
    expect(make).toThrow(/^rateLimit\.perCallerPerSecond: got 0/);
  });
});

describe('the table of callers', () => {
  const may = authoriseByTable({
    archive: { types: ['report.ready'], prefixes: ['payloads/billing'] },
    audit: { types: '*', prefixes: ['payloads/'] },
  });
  const request = { type: 'report.ready', issuer: 'billing', key: 'payloads/billing/x', store: 'payloads' };

  it('goes by type and by whole segments of the key', () => {
    expect(may('archive', request)).toBe(true);
    expect(may('archive', { ...request, type: 'other' })).toBe(false);
    expect(may('archive', { ...request, key: 'payloads/billing2/x' })).toBe(false);
    expect(may('audit', { ...request, type: 'other', key: 'payloads/billing2/x' })).toBe(true);
  });

  it.each(['nobody', 'constructor', '__proto__', ''])('gives nothing to %s, who is not in it', (caller) => {
    expect(may(caller, request)).toBe(false);
  });

  it('fails on a prefix that opens everything', () => {
    expect(() => authoriseByTable({ x: { types: '*', prefixes: [''] } })).toThrow(/^callers\.x\.prefixes\.0/);
  });
});

describe('the bounded map', () => {
  it('keeps order and bound, and starts no more after a failure', async () => {
    let [running, most] = [0, 0];
    const doubled = await mapBounded([1, 2, 3, 4, 5], 2, async (n) => {
      most = Math.max(most, (running += 1));
      await new Promise(setImmediate);
      running -= 1;
      return n * 2;
    });
    expect([doubled, most]).toEqual([[2, 4, 6, 8, 10], 2]);
    const started: number[] = [];
    const failing = mapBounded([1, 2, 3], 1, async (n) => {
      started.push(n);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(started).toEqual([1]);
  });
});
