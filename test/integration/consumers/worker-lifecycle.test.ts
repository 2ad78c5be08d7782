import { getEventListeners } from 'node:events';
import { PurgeQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../shared/clock.ts';
import { envelope, orderEvent, startHarness, type Harness } from './worker-harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

/** A promise and its ends. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Resolves when the signal aborts, with its reason's name. */
const aborted = async (signal: AbortSignal): Promise<string> => {
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
  return (signal.reason as Error).name;
};

const send = async (): Promise<string> => {
  const id = uuidv7();
  await harness.send(envelope(orderEvent(id, [])));
  return id;
};

describe('the visibility heartbeat', () => {
  it('keeps a message from being delivered twice while its handler takes three times the timeout', async () => {
    let calls = 0;
    let extensions = 0;
    await using watched = harness.work({
      visibilityTimeoutSeconds: 10,
      concurrency: 2,
      handler: async (_event, { signal }) => {
        calls += 1;
        await systemClock.sleep(30_500, signal);
      },
    });
    await send();
    await watched.until('succeeded');
    extensions = watched.seen.filter(({ kind }) => kind === 'extended').length;
    expect(calls).toBe(1);
    expect(extensions).toBeGreaterThanOrEqual(5);
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });

  it('aborts the message, and does not delete it, when its lease is lost', async () => {
    const reasons: string[] = [];
    const deletes = harness.stack.spy.records('delete').length;
    await using watched = harness.work({
      visibilityTimeoutSeconds: 10,
      clock: quickSleeps((ms) => ms === 5000), // the heartbeat's
      handler: async (_event, { signal }) => {
        await harness.sqs.send(new PurgeQueueCommand({ QueueUrl: harness.stack.queueUrl('orders') }));
        reasons.push(await aborted(signal));
      },
    });
    await send();
    await watched.until('lease-lost');
    expect(reasons).toEqual(['LeaseLostError']);
    expect(watched.worker.stats).toMatchObject({ leasesLost: 1, succeeded: 0, retried: 0 });
    expect(harness.stack.spy.records('delete')).toHaveLength(deletes);
    const next = await send();
    expect(await watched.until('lease-lost', ({ eventId }) => eventId === next)).toBeDefined();
  });
});

/** The machine's clock, but that some sleeps end at once. */
function quickSleeps(quick: (ms: number) => boolean): Clock {
  return { ...systemClock, sleep: (ms, signal) => systemClock.sleep(quick(ms) ? 1 : ms, signal) };
}

describe('stop', () => {
  it('ends a long poll at once', async () => {
    const watched = harness.work({ pollWaitSeconds: 20 });
    await watched.until('started');
    const polled = harness.stack.spy.records('receive').length;
    const stats = await watched.worker.stop();
    expect(stats).toMatchObject({ received: 0, inFlight: 0 });
    expect(harness.stack.spy.records('receive')).toHaveLength(polled);
    expect(await watched.worker.done).toEqual(stats);
  });

  it('lets a running handler finish, and takes no other message', async () => {
    const [running, finish] = [gate(), gate()];
    await using watched = harness.work({
      concurrency: 1,
      handler: async () => {
        running.open();
        await finish.opened;
      },
    });
    await send();
    await running.opened;
    const stopped = watched.worker.stop();
    const late = await send();
    finish.open();
    expect(await stopped).toMatchObject({ received: 1, succeeded: 1, released: 0 });
    await using next = harness.work({});
    await next.until('succeeded', ({ eventId }) => eventId === late);
  });

  it('aborts at the deadline, and makes the message visible at once', async () => {
    const running = gate();
    const reasons: string[] = [];
    const watched = harness.work({
      handler: async (_event, { signal }) => {
        running.open();
        reasons.push(await aborted(signal));
        signal.throwIfAborted();
      },
    });
    await send();
    await running.opened;
    expect(await watched.worker.stop({ deadlineMs: 10 })).toMatchObject({ released: 1, succeeded: 0 });
    expect(reasons).toEqual(['WorkerStoppedError']);
    await using next = harness.work({});
    expect(await next.until('succeeded')).toMatchObject({ receiveCount: 2 });
  });

  it('does not wait for a handler that ignores its signal when told twice', async () => {
    const running = gate();
    const watched = harness.work({
      handler: async () => {
        running.open();
        await new Promise(() => {});
      },
    });
    await send();
    await running.opened;
    const first = watched.worker.stop({ deadlineMs: 60_000 });
    expect(await watched.worker.stop()).toMatchObject({ released: 1 });
    expect(await first).toEqual(await watched.worker.done);
    expect(watched.seen.filter(({ kind }) => kind === 'stopping')).toEqual([
      { kind: 'stopping', forced: false },
      { kind: 'stopping', forced: true },
    ]);
    await using next = harness.work({});
    await next.until('succeeded');
  });

  it('hands back a message that the last poll still brought', async () => {
    const id = await send();
    let stop = (): void => {};
    // The stop comes between the answer's arrival and the worker's look at it.
    const sqs = new Proxy(harness.sqs, {
      get(target, name, receiver) {
        if (name !== 'send') return Reflect.get(target, name, receiver) as unknown;
        return async (command: never, options: never): Promise<unknown> => {
          const answer: unknown = await target.send(command, options);
          if ((command as unknown) instanceof ReceiveMessageCommand) stop();
          return answer;
        };
      },
    });
    let handled = 0;
    const watched = harness.work({
      sqs,
      handler: async () => {
        handled += 1;
      },
    });
    stop = () => void watched.worker.stop();
    expect(await watched.worker.done).toMatchObject({ received: 1, released: 1, succeeded: 0 });
    expect(handled).toBe(0);
    await using next = harness.work({});
    await next.until('succeeded', ({ eventId }) => eventId === id);
  });

  it('follows the signal that it was given, and leaves no listener on it', async () => {
    const shutdown = new AbortController();
    const watched = harness.work({ signal: shutdown.signal });
    await watched.until('started');
    shutdown.abort();
    await watched.worker.done;
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0);
    const before = harness.work({ signal: AbortSignal.abort() });
    expect(await before.worker.done).toMatchObject({ received: 0 });
  });
});

describe('many messages', () => {
  it('leave no listeners on long-lived signals and no message behind', async () => {
    const total = 1000;
    const shutdown = new AbortController();
    let most = 0;
    let running = 0;
    let peak = 0;
    let handled = 0;
    const all = gate();
    await using watched = harness.work({
      signal: shutdown.signal,
      concurrency: 20,
      handler: async () => {
        running += 1;
        peak = Math.max(peak, running);
        most = Math.max(most, getEventListeners(shutdown.signal, 'abort').length);
        await Promise.resolve();
        running -= 1;
        handled += 1;
        if (handled === total) all.open();
      },
    });
    const body = envelope(orderEvent(uuidv7(), []));
    for (let sent = 0; sent < total; sent += 50) {
      await Promise.all(Array.from({ length: 50 }, () => harness.send(body)));
    }
    await all.opened;
    expect(await watched.worker.stop()).toMatchObject({ received: total, succeeded: total, inFlight: 0 });
    expect(most).toBe(1);
    expect(peak).toBeLessThanOrEqual(20);
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0);
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });
});
