import { describe, expect, it } from 'vitest';
import { nonEmptyString, httpUrl, numberInRange } from '../../../shared/options.ts';
import { backoffMs, resolveRetryOptions } from '../../../shared/retry.ts';

describe('backoffMs', () => {
  it('doubles its upper bound up to the cap', () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((attempt) =>
      Math.round(backoffMs(attempt, { backoffBaseMs: 200, backoffCapMs: 20_000 }, () => 1 - Number.EPSILON)),
    );
    expect(bounds).toEqual([199, 399, 799, 1599, 3199, 6399, 12_799, 19_999, 19_999]);
  });

  it('is uniform from zero (full jitter)', () => {
    const at = (random: number): number =>
      backoffMs(3, { backoffBaseMs: 100, backoffCapMs: 1e6 }, () => random);
    expect([at(0), at(0.25), at(0.5)]).toEqual([0, 100, 200]);
  });
});

describe('options', () => {
  it.each([
    ['maxAttempts', 0, '1 to 1000'],
    ['backoffBaseMs', -1, '0 to 3600000 ms'],
    ['backoffCapMs', Number.POSITIVE_INFINITY, '0 to 3600000 ms'],
  ])('refuse %s: %s, naming field, value and range', (field, value, range) => {
    expect(() => resolveRetryOptions({ [field]: value })).toThrow(
      new RangeError(`retry.${field}: got ${value}, expected an integer from ${range}`),
    );
  });

  it('show what was given, shortened and without queries', () => {
    expect(() => numberInRange('n', '5', { min: 1, max: 9 })).toThrow(
      'n: got "5", expected an integer from 1 to 9',
    );
    expect(() => nonEmptyString('s', '')).toThrow(new TypeError('s: got "", expected a non-empty string'));
    expect(() => httpUrl('u', 'ftp://h/p?secret=1')).toThrow('u: got "ftp://h/p?…"');
    expect(httpUrl('u', 'http://h/').hostname).toBe('h');
  });
});
