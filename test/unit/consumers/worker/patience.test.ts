import { setImmediate as tick } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { withGrace, within } from '../../../../consumers/worker/patience.ts';
import { createManualClock } from '../../../../local/clock.ts';

describe('withGrace', () => {
  const setUp = () => {
    const [clock, force, abort] = [createManualClock(0), new AbortController(), new AbortController()];
    return { clock, force, abort, grace: { clock, graceMs: 5000, force: force.signal } };
  };

  it('takes the result of work that winds down after the abort', async () => {
    const { abort, grace, clock } = setUp();
    let finish = (_value: string): void => {};
    const work = new Promise<string>((resolve) => (finish = resolve));
    const result = withGrace(work, abort.signal, grace);
    abort.abort(new Error('stop'));
    await tick();
    finish('done');
    expect(await result).toBe('done');
    await tick();
    expect(clock.sleepers).toBe(0);
  });

  it('gives up work that ignores the abort, at the end of the grace or when forced', async () => {
    for (const end of ['grace', 'force']) {
      const { abort, grace, clock, force } = setUp();
      const result = withGrace(new Promise(() => {}), abort.signal, grace);
      abort.abort(new Error('stop'));
      await tick();
      if (end === 'grace') clock.advance(5000);
      else force.abort();
      await expect(result).rejects.toThrow('stop');
    }
  });

  it('passes on what work throws', async () => {
    const { abort, grace } = setUp();
    await expect(withGrace(Promise.reject(new Error('own')), abort.signal, grace)).rejects.toThrow('own');
  });
});

describe('within', () => {
  it('aborts a call that takes too long, and leaves no timer after one that does not', async () => {
    const clock = createManualClock(0);
    expect(await within(clock, 1000, async () => 'answer')).toBe('answer');
    expect(clock.sleepers).toBe(0);
    const slow = within(
      clock,
      1000,
      (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    );
    clock.advance(1000);
    await expect(slow).rejects.toThrow('no answer within 1000 ms');
  });
});
