import { setImmediate as tick } from 'node:timers/promises';
import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { createMessageCalls } from '../../../../consumers/worker/batches.ts';
import {
  BatchEntryError,
  isLeaseLost,
  type BatchResults,
  type Queue,
} from '../../../../consumers/worker/queue.ts';
import { createManualClock } from '../../../../local/clock.ts';

interface Call {
  readonly handles: string[];
  readonly answer: (results?: BatchResults) => void;
  readonly fail: (error: Error) => void;
}

function setUp() {
  const clock = createManualClock(0);
  const [changes, deletes]: [Call[], Call[]] = [[], []];
  const record = (calls: Call[], handles: string[]): Promise<BatchResults> =>
    new Promise((resolve, reject) => {
      calls.push({
        handles,
        answer: (results = handles.map(() => undefined)) => resolve(results),
        fail: reject,
      });
    });
  const queue: Pick<Queue, 'changeVisibilityBatch' | 'deleteBatch'> = {
    changeVisibilityBatch: (entries) =>
      record(
        changes,
        entries.map(({ receiptHandle, seconds }) => `${receiptHandle}:${seconds}`),
      ),
    deleteBatch: (handles) => record(deletes, [...handles]),
  };
  const calls = createMessageCalls(queue as Queue, { clock, random: () => 0, callMs: () => 1000 });
  return { clock, calls, changes, deletes };
}

const broken = new BatchEntryError({ Code: 'InternalError', Message: 'try again' });
const gone = new BatchEntryError({ Code: 'ReceiptHandleIsInvalid', Message: 'gone' });

describe('createMessageCalls', () => {
  it('sends what is asked for in one turn as batches of at most 10', async () => {
    const { calls, deletes, clock } = setUp();
    const removed = Array.from({ length: 23 }, (_, index) => calls.remove(`h${index}`));
    await tick();
    await tick();
    expect(deletes.map(({ handles }) => handles.length)).toEqual([10, 10, 3]);
    expect(new Set(deletes.flatMap(({ handles }) => handles)).size).toBe(23);
    for (const call of deletes) call.answer();
    await Promise.all(removed);
    expect(clock.sleepers).toBe(0);
  });

  it('tries an entry again that SQS failed to take, and none of the others', async () => {
    const { calls, deletes, clock } = setUp();
    const [first, second] = [calls.remove('a'), calls.remove('b')];
    await tick();
    deletes[0]!.answer([undefined, broken]);
    await first;
    await tick();
    clock.advance(0);
    await tick();
    await tick();
    expect(deletes.map(({ handles }) => handles)).toEqual([['a', 'b'], ['b']]);
    deletes[1]!.answer([broken]);
    await tick();
    clock.advance(0);
    await tick();
    await tick();
    deletes[2]!.answer([broken]);
    await expect(second).rejects.toThrow('try again');
    expect(deletes).toHaveLength(3);
  });

  it('says at once that a message is no longer ours', async () => {
    const { calls, changes } = setUp();
    const [lost, kept] = [calls.changeVisibility('a', 60), calls.changeVisibility('b', 60)];
    await tick();
    changes[0]!.answer([gone, undefined]);
    await kept;
    const error: unknown = await lost.catch((thrown: unknown) => thrown);
    expect(isLeaseLost(error)).toBe(true);
    expect(changes).toHaveLength(1);
  });

  it('fails every entry of a call that fails', async () => {
    const { calls, deletes } = setUp();
    const both = [calls.remove('a'), calls.remove('b')];
    await tick();
    deletes[0]!.fail(new Error('no route'));
    for (const each of both) await expect(each).rejects.toThrow('no route');
  });

  it('never lets a release be undone by an extension under way', async () => {
    const { calls, changes } = setUp();
    const heartbeat = new AbortController();
    const extended = calls.changeVisibility('a', 60, heartbeat.signal);
    await tick();
    heartbeat.abort(new Error('stopped'));
    await expect(extended).rejects.toThrow('stopped'); // without waiting for the answer
    const released = calls.changeVisibility('a', 0);
    await tick();
    await tick();
    expect(changes.map(({ handles }) => handles)).toEqual([['a:60']]);
    changes[0]!.answer();
    await vi.waitFor(() => expect(changes).toHaveLength(2));
    expect(changes.map(({ handles }) => handles)).toEqual([['a:60'], ['a:0']]);
    changes[1]!.answer();
    await released;
  });

  it('does not send what was given up before its turn, and leaves no listener', async () => {
    const { calls, changes } = setUp();
    const stop = new AbortController();
    const given = calls.changeVisibility('a', 60, stop.signal);
    stop.abort(new Error('stop'));
    await expect(given).rejects.toThrow('stop');
    await expect(calls.changeVisibility('b', 60, stop.signal)).rejects.toThrow('stop');
    await tick();
    await tick();
    expect(changes).toEqual([]);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });
});
