/*
 * A worker that does nothing with many events, in a process of its own, and tells its parent how much it holds.
 * Run with --expose-gc, so that what is told is held and not garbage.
 */
import { getEventListeners } from 'node:events';
import { z } from 'zod';
import { createWorker, type IdempotencyStore } from '../../consumers/index.ts';

const { queueUrl, connection, everyEvents } = JSON.parse(process.argv[2] ?? '{}') as {
  queueUrl: string;
  connection: object;
  everyEvents: number;
};

/** Goes through all of a lease's motions and remembers nothing: what is measured is the worker. */
const forgetful: IdempotencyStore = {
  acquire: async ({ consumer, source, id }) => {
    await Promise.resolve();
    const idempotencyKey = `${consumer}/${source}/${id}`;
    const done = async (): Promise<void> => {};
    return {
      state: 'acquired',
      lease: { attempt: 1, idempotencyKey, renew: done, complete: done, release: done },
    };
  },
};

/** Every signal that anybody ever listened to, as long as it lives. */
const signals = new Set<WeakRef<AbortSignal>>();
const known = new WeakSet<AbortSignal>();
// oxlint-disable-next-line typescript/unbound-method -- called with its target
const { addEventListener } = AbortSignal.prototype;
AbortSignal.prototype.addEventListener = function (this: AbortSignal, ...listener: [never, never]) {
  if (!known.has(this)) {
    known.add(this);
    signals.add(new WeakRef(this));
  }
  addEventListener.apply(this, listener);
};

/** Listeners on all signals that are alive. */
function countListeners(): number {
  let count = 0;
  for (const each of signals) {
    const signal = each.deref();
    if (signal === undefined) signals.delete(each);
    else count += getEventListeners(signal, 'abort').length;
  }
  return count;
}

/** What a process holds, garbage aside. */
export interface Sample {
  readonly events: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly listeners: number;
  readonly sockets: number;
  readonly timers: number;
}

const shutdown = new AbortController();
let handled = 0;
const sample = (): void => {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const count = (kind: RegExp): number => resources.filter((name) => kind.test(name)).length;
  process.send?.({
    events: handled,
    heapBytes: heapUsed,
    rssBytes: rss,
    listeners: countListeners(),
    sockets: count(/^TCPSocketWrap$/),
    timers: count(/^Timeout$/),
  } satisfies Sample);
};

const worker = createWorker({
  queueUrl,
  stores: { payloads: { bucket: 'payloads', region: 'us-east-1' } },
  events: { '*': z.looseObject({}) },
  sqs: connection,
  consumer: 'soak',
  idempotency: { store: forgetful },
  concurrency: 10,
  signal: shutdown.signal,
  handler: async () => {
    handled += 1;
    if (handled % everyEvents === 0) sample();
  },
});
process.once('message', () => shutdown.abort());
const stats = await worker.done;
sample();
process.send?.({ stats });
process.disconnect();
