import { getEventListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PurgeQueueCommand, ReceiveMessageCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryIdempotencyStore } from '../../../consumers/index.ts';
import { systemClock, type Clock } from '../../../shared/clock.ts';
import { envelope, orderEvent, SOURCE, startHarness, type Harness } from './worker-harness.ts';

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

/** An event whose attachment says that it is so large; nobody fetches it. */
const sized = async (size: number): Promise<string> => {
  const id = uuidv7();
  const { claimCheck: _claimCheck, ...attachment } = await harness.attach(id, Buffer.from('x'));
  return envelope(orderEvent(id, [{ ...attachment, size }]));
};

const send = async (): Promise<string> => {
  const id = uuidv7();
  await harness.send(envelope(orderEvent(id, [])));
  return id;
};

describe('the visibility heartbeat', () => {
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

describe('a message held for 11.5 hours', () => {
  it('is aborted and made visible, and its next delivery resumes at the byte', async () => {
    const id = uuidv7();
    const bytes = Buffer.alloc(300_000, 'a very long transfer');
    const event = orderEvent(id, [await harness.attach(id, bytes)]);
    const match = { service: 's3', operation: 'GetObject' } as const;
    const remove = harness.stack.faults.add({
      match,
      skip: 2,
      times: Infinity,
      faults: { kind: 'stall', afterBytes: 70_000 },
    });
    const stalled = gate();
    const directory = await mkdtemp(join(tmpdir(), 'waybill-hold-'));
    const reasons: unknown[] = [];
    const results: unknown[] = [];
    await using watched = harness.work({
      visibilityTimeoutSeconds: 3600,
      handlerTimeoutSeconds: 41_400,
      clock: throughTheNight(stalled.opened),
      download: { partSizeBytes: 100_000, connections: 1, singleGetBelowBytes: 0 },
      handler: async (_event, { saveAll, signal, receiveCount }) => {
        if (receiveCount > 1) remove();
        const saving = saveAll(directory);
        saving.catch(() => reasons.push(signal.reason));
        results.push(...(await saving).map(({ result }) => result));
      },
    });
    await harness.send(envelope(event));
    await watched.until(
      'download',
      ({ event: told }) => told.kind === 'progress' && told.receivedBytes > 200_000,
    );
    stalled.open();
    expect(await watched.until('retried')).toMatchObject({
      code: 'handler-timeout',
      reason: 'the message was held for 41400 s, which is as long as SQS allows',
    });
    expect(await watched.until('succeeded')).toMatchObject({ receiveCount: 2 });
    expect(reasons).toMatchObject([{ code: 'handler-timeout' }]);
    expect(results).toMatchObject([{ journalBytes: 200_000, fetchedBytes: 100_000 }]);
    expect(watched.seen.filter(({ kind }) => kind === 'extended').length).toBeGreaterThanOrEqual(22);
    await rm(directory, { recursive: true });
  });
});

/**
 * The machine's clock, but that it jumps over the half hours between two extensions, until 11.5 hours are over. Every
 * other long sleep is the deadline of the extension itself, which is answered at once.
 */
function throughTheNight(begin: Promise<void>): Clock {
  let [jumpedMs, longSleeps] = [0, 0];
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now() + jumpedMs,
    sleep: async (ms, signal) => {
      const isLong = ms > 900_000 && ms <= 1_800_000;
      if (isLong) longSleeps += 1;
      if (!isLong || longSleeps % 2 === 0 || jumpedMs >= 41_400_000)
        return await systemClock.sleep(ms, signal);
      await begin;
      signal?.throwIfAborted();
      jumpedMs += ms;
    },
  };
}

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

  it('may be told from its own event, which comes twice at the most', async () => {
    let stop = (): void => {};
    const watched = harness.work({ onEvent: ({ kind }) => kind === 'stopping' && stop() });
    stop = () => void watched.worker.stop();
    await watched.worker.stop();
    expect(watched.seen.filter(({ kind }) => kind === 'stopping')).toEqual([
      { kind: 'stopping', forced: false },
      { kind: 'stopping', forced: true },
    ]);
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

  it('hands back at once what waits for its turn, and lets end what is in work', async () => {
    const finish = gate();
    const watched = harness.work({
      concurrency: 6,
      maxBytesInFlight: 1_000_000,
      handler: async () => await finish.opened,
    });
    const ids: string[] = [];
    // One large one is in work at a time, beside half of the budget for small ones: the third and fourth wait.
    for (const size of [900_000, 450_000, 800_000, 450_000]) {
      const messageId = await harness.send(await sized(size));
      await watched.until('received', (event) => event.messageId === messageId);
      ids.push(messageId);
    }
    const stopped = watched.worker.stop({ deadlineMs: 60_000 });
    for (const id of ids.slice(2)) await watched.until('released', ({ messageId }) => messageId === id);
    expect(await harness.left()).toEqual({ visible: 2, inFlight: 2 });
    finish.open();
    expect(await stopped).toMatchObject({ received: 4, succeeded: 2, released: 2, inFlight: 0 });
    expect(await harness.left()).toEqual({ visible: 2, inFlight: 0 });
    await using next = harness.work({});
    for (const id of ids.slice(2)) await next.until('succeeded', ({ messageId }) => messageId === id);
  });

  it("hands back at once what waits for another worker's lease", async () => {
    const store = memoryIdempotencyStore();
    const id = uuidv7();
    await store.acquire({ consumer: 'billing', source: SOURCE, id }, { leaseMs: 3_600_000 });
    const watched = harness.work({ consumer: 'billing', idempotency: { store, leaseSeconds: 3600 } });
    const messageId = await harness.send(envelope(orderEvent(id, [])));
    await watched.until('received');
    expect(await watched.worker.stop({ deadlineMs: 60_000 })).toMatchObject({ released: 1, inFlight: 0 });
    expect(await harness.left()).toEqual({ visible: 1, inFlight: 0 });
    await using next = harness.work({});
    await next.until('succeeded', (event) => event.messageId === messageId);
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
    const total = 500;
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
    const MessageBody = envelope(orderEvent(uuidv7(), []));
    const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: String(index), MessageBody }));
    const QueueUrl = harness.stack.queueUrl('orders');
    for (let sent = 0; sent < total; sent += Entries.length)
      await harness.sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    await all.opened;
    expect(await watched.worker.stop()).toMatchObject({ received: total, succeeded: total, inFlight: 0 });
    expect(most).toBe(1);
    expect(peak).toBeLessThanOrEqual(20);
    expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0);
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });
});
