import { describe, expect, it } from 'vitest';

import { createManualClock, offsetClock } from '../../../local/clock.ts';

describe('createManualClock', () => {
  it('stands still until it is advanced, and wakes sleepers in order', async () => {
    const clock = createManualClock(1_000);
    const woken: string[] = [];
    const sleeps = [clock.sleep(20).then(() => woken.push('b')), clock.sleep(10).then(() => woken.push('a'))];
    clock.advance(9);
    expect(clock.sleepers).toBe(2);
    clock.advance(11);
    await Promise.all(sleeps);
    expect(woken).toEqual(['a', 'b']);
    expect([clock.nowMs(), clock.monotonicMs(), clock.sleepers]).toEqual([1_020, 20, 0]);
  });

  it('may be set back without waking anyone or moving monotonic time', () => {
    const clock = createManualClock(1_000);
    clock.set(500);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([500, 0]);
    expect(() => clock.advance(-1)).toThrow(RangeError);
  });

  it('ends a sleep with the reason of its signal, and forgets the sleeper', async () => {
    const clock = createManualClock();
    const controller = new AbortController();
    const reason = new Error('enough');
    const sleep = clock.sleep(10, controller.signal);
    controller.abort(reason);
    await expect(sleep).rejects.toBe(reason);
    await expect(clock.sleep(10, controller.signal)).rejects.toBe(reason);
    expect(clock.sleepers).toBe(0);
    await expect(clock.sleep(0)).resolves.toBeUndefined();
  });
});

describe('offsetClock', () => {
  it('shifts the wall time only', () => {
    const base = createManualClock(1_000);
    const clock = offsetClock(base);
    clock.offsetMs = 3_600_000;
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([3_601_000, 0]);
    base.advance(5);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([3_601_005, 5]);
  });
});
