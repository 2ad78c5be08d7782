import { describe, expect, it } from 'vitest';
import { parseOptions, UsageError } from '../../../bench/options.ts';

describe('parseOptions', () => {
  it('runs 1 and 4 GiB in five rounds unless told otherwise', () => {
    const { suites, sizes, rounds, quick, refetchSize } = parseOptions(['download']);
    expect(suites.map(({ name }) => name)).toEqual(['download']);
    expect({ sizes, rounds, quick, refetchSize }).toEqual({
      sizes: [1024 ** 3, 4 * 1024 ** 3],
      rounds: 5,
      quick: false,
      refetchSize: 2 * 1024 ** 3,
    });
  });

  it('takes sizes, rounds and the transport from the command line', () => {
    const args = ['all', '--size', '64K,2G', '--rounds', '7', '--transport', 'undici'];
    const { suites, sizes, rounds, engine } = parseOptions(args);
    expect(suites.length).toBeGreaterThanOrEqual(6);
    expect({ sizes, rounds, engine }).toEqual({
      sizes: [64 * 1024, 2 * 1024 ** 3],
      rounds: 7,
      engine: { transport: 'undici' },
    });
  });

  it('is small when it shall be quick', () => {
    const { sizes, rounds, smallCount } = parseOptions(['all', '--quick']);
    expect({ sizes, rounds, smallCount }).toEqual({ sizes: [256 * 1024 ** 2], rounds: 3, smallCount: 1_000 });
  });

  it.each([
    [[]],
    [['nothing-of-the-kind']],
    [['download', 'upload']],
    [['download', '--size', '1T']],
    [['download', '--size', '0G']],
    [['download', '--rounds', '0']],
    [['download', '--fast']],
  ])('fails for %j and says how to use it', (args) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(/usage: npm run bench/);
  });
});
