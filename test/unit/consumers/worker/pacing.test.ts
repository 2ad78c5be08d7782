import { setImmediate as tick } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { withGrace, within } from '../../../../consumers/worker/patience.ts';
import { createPause, equalJitterMs } from '../../../../consumers/worker/pause.ts';
import { createSlots } from '../../../../consumers/worker/slots.ts';
import { createManualClock } from '../../../../local/clock.ts';

const backoff = { backoffBaseMs: 1000, backoffCapMs: 8000 };
const never = new AbortController().signal;

describe('createSlots', () => {
  it('runs at most its limit and tells how many places are free', async () => {
    const slots = createSlots(2);
    const ends: (() => void)[] = [];
    const work = () => new Promise<void>((resolve) => ends.push(resolve));
    expect(await slots.free(never)).toBe(2);
    slots.run(work);
    expect(await slots.free(never)).toBe(1);
    slots.run(work);
    const waiting = slots.free(never);
    const idle = slots.idle();
    ends[0]!();
    expect(await waiting).toBe(1);
    expect(slots.running).toBe(1);
    ends[1]!();
    await idle;
    expect(slots.running).toBe(0);
  });

  it('waits no longer when the signal aborts', async () => {
    const slots = createSlots(1);
    slots.run(() => new Promise(() => {}));
    const stop = new AbortController();
    const waiting = slots.free(stop.signal);
    stop.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
  });
});

describe('createPause', () => {
  it('grows with each pause in a row, is begun once at a time, and begins anew after a success', async () => {
    const clock = createManualClock(0);
    const pause = createPause(clock, () => 1, backoff);
    expect(pause.begin()).toBe(1000);
    expect(pause.begin()).toBeUndefined();
    const waited = pause.wait(never);
    clock.advance(1000);
    await waited;
    expect(pause.begin()).toBe(2000);
    clock.advance(2000);
    pause.recovered();
    expect(pause.begin()).toBe(1000);
  });

  it('has jitter in its upper half only', () => {
    expect(equalJitterMs(2, backoff, () => 0)).toBe(1000);
    expect(equalJitterMs(2, backoff, () => 0.5)).toBe(1500);
    expect(equalJitterMs(50, backoff, () => 1)).toBe(8000);
  });
});

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
