import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPacer } from '../../../producers/pacer.ts';

/** A clock that is where the last sleep ended. */
function jumpingClock() {
  let ms = 0;
  return {
    monotonicMs: () => ms,
    sleep: async (delayMs: number) => {
      ms += delayMs;
      await Promise.resolve();
    },
    idle: (idleMs: number) => (ms += idleMs),
  };
}

describe('createPacer', () => {
  it('lets the burst go at once, and then one per interval', async () => {
    const clock = jumpingClock();
    const pace = createPacer(10, clock, 3);
    const times: number[] = [];
    for (let index = 0; index < 6; index += 1) {
      await pace();
      times.push(clock.monotonicMs());
    }
    expect(times).toEqual([0, 0, 0, 100, 200, 300]);
  });

  it('never lets more go in any span than the burst and the rate allow, however it is used', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 60 }),
        async (perSecond, burst, pauses) => {
          const clock = jumpingClock();
          const pace = createPacer(perSecond, clock, burst);
          const times: number[] = [];
          for (const pauseMs of pauses) {
            clock.idle(pauseMs);
            await pace();
            times.push(clock.monotonicMs());
          }
          for (const [first, from] of times.entries())
            for (const [last, to] of times.entries()) {
              if (last < first) continue;
              const allowed = burst + ((to - from) / 1000) * perSecond;
              expect(last - first + 1).toBeLessThanOrEqual(allowed + 1e-6);
            }
        },
      ),
    );
  });

  it.each([0, -1, Number.NaN, 2_000_000])('fails on a rate of %s', (rate) => {
    expect(() => createPacer(rate, jumpingClock())).toThrow(/ratePerSecond: got/);
  });

  it('fails with the reason of a signal that has aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(createPacer(1, jumpingClock())(signal)).rejects.toThrow('enough');
    await expect(createPacer(undefined, jumpingClock())(signal)).rejects.toThrow('enough');
  });
});
