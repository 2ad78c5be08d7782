import { setImmediate as tick } from 'node:timers/promises';
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createBudget, type Budget, type Place } from '../../../../consumers/worker/budget.ts';
import { systemClock, type Clock } from '../../../../shared/clock.ts';
import { PostponedError } from '../../../../consumers/worker/postponed.ts';

const never = new AbortController().signal;

const budgetOf = (options: { concurrency: number; maxBytesInFlight: number }, clock = systemClock): Budget =>
  createBudget({ ...options, handlerTimeoutSeconds: 600, clock });

/** Asks for a place and tells whether it was given. */
async function ask(
  place: Place,
  bytes: number,
  signal = never,
): Promise<{ entered: boolean; done: Promise<void> }> {
  const state = { entered: false, done: Promise.resolve() };
  const enter = async (): Promise<void> => {
    await place.enter(bytes, signal);
    state.entered = true;
  };
  state.done = enter();
  state.done.catch(() => {});
  await tick();
  return state;
}

describe('createBudget', () => {
  it('bounds the messages in work, and lets the next in, first come first served', async () => {
    const budget = budgetOf({ concurrency: 2, maxBytesInFlight: 100 });
    const places = [1, 2, 3, 4].map(() => budget.arrive());
    const asked = [];
    for (const place of places) asked.push(await ask(place, 0));
    expect(asked.map(({ entered }) => entered)).toEqual([true, true, false, false]);
    places[1]!.leave();
    await tick();
    expect(asked.map(({ entered }) => entered)).toEqual([true, true, true, false]);
    expect(budget.running).toBe(2);
  });

  it('keeps room for messages that are being asked for, until they have arrived or will not come', async () => {
    const budget = budgetOf({ concurrency: 12, maxBytesInFlight: 100 });
    const first = budget.expect(10);
    expect(budget.room).toBe(2);
    const second = budget.expect(2);
    const waiting = budget.untilRoom(never);
    budget.arrive();
    first();
    expect([budget.room, await waiting]).toEqual([9, 9]);
    second();
    expect(budget.room).toBe(11);
  });

  it('bounds the bytes in work, in order: a smaller one does not pass one that waits', async () => {
    const budget = budgetOf({ concurrency: 10, maxBytesInFlight: 100 });
    const [first, second, third] = [budget.arrive(), budget.arrive(), budget.arrive()];
    await ask(first, 50);
    await ask(second, 40);
    const waiting = await ask(third, 11);
    const behind = await ask(budget.arrive(), 1);
    expect([waiting.entered, behind.entered, budget.bytes]).toEqual([false, false, 90]);
    first.leave();
    await tick();
    expect([waiting.entered, behind.entered, budget.bytes]).toEqual([true, true, 52]);
  });

  it('leaves small events their half beside large ones, of which one is in work at a time', async () => {
    const budget = budgetOf({ concurrency: 4, maxBytesInFlight: 100 });
    const huge = budget.arrive();
    await ask(huge, 1e14);
    expect(budget.bytes).toBe(50);
    const other = await ask(budget.arrive(), 51);
    expect(other.entered).toBe(false);
    const small = budget.arrive();
    expect((await ask(small, 50)).entered).toBe(true);
    expect((await ask(budget.arrive(), 1)).entered).toBe(false); // their half is full
    huge.leave();
    await tick();
    expect(other.entered).toBe(true);
    expect(budget.bytes).toBe(100);
    small.leave();
    await tick();
    expect(budget.bytes).toBe(51);
  });

  it('does not starve a large event: while it waits, small ones get no more than half', async () => {
    const budget = budgetOf({ concurrency: 10, maxBytesInFlight: 100 });
    const early = [30, 30, 30].map((bytes) => ({ place: budget.arrive(), bytes }));
    for (const { place, bytes } of early) await ask(place, bytes);
    const large = await ask(budget.arrive(), 80);
    const late = await ask(budget.arrive(), 10);
    expect([large.entered, late.entered]).toEqual([false, false]);
    early[0]!.place.leave();
    await tick();
    expect([large.entered, late.entered]).toEqual([false, false]); // 60 of small ones, the large one needs them at 50
    early[1]!.place.leave();
    await tick();
    expect([large.entered, late.entered]).toEqual([true, true]);
  });

  it('polls on past large events that wait, and gives back one more than may wait', async () => {
    const budget = budgetOf({ concurrency: 2, maxBytesInFlight: 100 });
    await ask(budget.arrive(), 60);
    await ask(budget.arrive(), 60);
    await ask(budget.arrive(), 60);
    expect(await budget.untilRoom(never)).toBe(1);
    const surplus = budget.arrive();
    await expect(surplus.enter(60, never)).rejects.toThrow(PostponedError);
    surplus.gone();
    expect(await budget.untilRoom(never)).toBe(1);
    expect((await ask(budget.arrive(), 10)).entered).toBe(true);
  });

  it('gives an event back that has waited for as long as one may take', async () => {
    const sleeps: { ms: number; end: () => void; signal: AbortSignal | undefined }[] = [];
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, signal) => new Promise((resolve) => sleeps.push({ ms, end: resolve, signal })),
    };
    const budget = budgetOf({ concurrency: 10, maxBytesInFlight: 100 }, clock);
    const [running, waiting] = [budget.arrive(), budget.arrive()];
    await ask(running, 60);
    expect(sleeps).toHaveLength(0); // whoever need not wait has no timer
    const { done } = await ask(waiting, 60);
    expect(sleeps).toMatchObject([{ ms: 600_000 }]);
    sleeps[0]!.end();
    await expect(done).rejects.toMatchObject({ code: 'no-room', delaySeconds: 30 });
    await expect(done).rejects.toThrow('no room within 600 s');
    const next = await ask(budget.arrive(), 60);
    running.leave();
    await tick();
    expect([next.entered, sleeps[1]?.signal?.aborted]).toEqual([true, true]);
  });

  it('stops polling while a small event waits or no byte is free', async () => {
    const budget = budgetOf({ concurrency: 5, maxBytesInFlight: 100 });
    const [first, second] = [budget.arrive(), budget.arrive()];
    await ask(first, 50);
    await ask(second, 50);
    let room = 0;
    const waited = budget.untilRoom(never).then((places) => (room = places));
    await tick();
    expect(room).toBe(0);
    const given = new AbortController();
    await ask(budget.arrive(), 50, given.signal);
    given.abort();
    await tick();
    expect(room).toBe(0);
    first.leave();
    await waited;
    expect(room).toBe(4);
  });

  it('turns away those that wait when told, and one whose signal aborts, without a listener left', async () => {
    const budget = budgetOf({ concurrency: 1, maxBytesInFlight: 100 });
    const stop = new AbortController();
    const running = budget.arrive();
    await ask(running, 1);
    const waiting = [await ask(budget.arrive(), 1, stop.signal), await ask(budget.arrive(), 99, stop.signal)];
    budget.turnAway(new Error('the circuit is open'));
    for (const { done } of waiting) await expect(done).rejects.toThrow('the circuit is open');
    const late = await ask(budget.arrive(), 1, stop.signal);
    stop.abort(new Error('lost'));
    await expect(late.done).rejects.toThrow('lost');
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
    running.leave();
    expect((await ask(budget.arrive(), 100)).entered).toBe(true);
  });

  it('counts a message that stands aside as in hand, but not as in work', async () => {
    const budget = budgetOf({ concurrency: 1, maxBytesInFlight: 100 });
    const place = budget.arrive();
    await ask(place, 10);
    expect(place.stepAside()).toBe(true);
    expect([budget.inHand, budget.running, budget.bytes]).toEqual([1, 0, 0]);
    const other = budget.arrive();
    await ask(other, 10);
    expect(other.stepAside()).toBe(false); // as many as may are aside
    const again = await ask(place, 10);
    expect(again.entered).toBe(false);
    other.gone();
    await tick();
    expect(again.entered).toBe(true);
    let idle = false;
    void budget.idle().then(() => (idle = true));
    place.gone();
    place.gone();
    await tick();
    expect([idle, budget.inHand]).toEqual([true, 0]);
  });
});
