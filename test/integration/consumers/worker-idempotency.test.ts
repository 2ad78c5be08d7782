import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  idempotencyText,
  LeaseLostError,
  memoryIdempotencyStore,
  Reject,
  type IdempotencyStore,
} from '../../../consumers/index.ts';
import { systemClock } from '../../../shared/clock.ts';
import { envelope, orderEvent, SOURCE, startHarness, type Harness } from './worker-harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

const consumer = 'billing';
const keyOf = (id: string) => ({ consumer, source: SOURCE, id });
const clean = { visible: 0, inFlight: 0 };

describe('a worker with idempotency records', () => {
  it('runs the handler once for an event that comes in many messages, and deletes every one', async () => {
    const store = memoryIdempotencyStore();
    const [id, copies] = [uuidv7(), 6];
    const body = envelope(orderEvent(id, []));
    for (let sent = 0; sent < copies; sent += 1) await harness.send(body);
    const keys: string[] = [];
    await using watched = harness.work({
      consumer,
      idempotency: { store, leaseSeconds: 1 },
      handler: async ({ idempotencyKey, deliveryAttempt }) => {
        keys.push(`${idempotencyKey} ${deliveryAttempt}`);
      },
    });
    await watched.until('duplicate', () => duplicates(watched) === copies - 1);
    expect(keys).toEqual([`${idempotencyText(keyOf(id))} 1`]);
    expect(keys[0]).toBe(`billing/shop/${id} 1`);
    expect(watched.worker.stats).toMatchObject({ succeeded: 1, duplicates: copies - 1, retried: 0 });
    expect(await harness.left()).toEqual(clean);
  });

  it('writes down what was verified, before it deletes', async () => {
    const store = memoryIdempotencyStore();
    const id = uuidv7();
    const attachment = await harness.attach(id, Buffer.from('verified'));
    await using watched = harness.work({
      consumer,
      idempotency: { store },
      handler: async ({ data }) => {
        await data.attachments[0]!.bytes({ maxBytes: 100 });
      },
    });
    await harness.send(envelope(orderEvent(id, [attachment])));
    await watched.until('succeeded');
    expect(await store.acquire(keyOf(id), { leaseMs: 1000 })).toMatchObject({
      state: 'done',
      record: { attempts: 1, outcome: 'handled', verified: { a1: attachment.digest } },
    });
  });

  it('gives the record back when the handler fails, and counts attempts across messages', async () => {
    const attempts: number[] = [];
    const keys = new Set<string>();
    await using watched = harness.work({
      consumer,
      idempotency: { store: memoryIdempotencyStore(), leaseSeconds: 60 },
      handler: async ({ deliveryAttempt, idempotencyKey }) => {
        attempts.push(deliveryAttempt);
        keys.add(idempotencyKey);
        if (attempts.length < 3) throw new Error('not yet');
      },
    });
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    await watched.until('succeeded');
    expect(attempts).toEqual([1, 2, 3]);
    expect(keys.size).toBe(1);
  });

  it('handles a rejected event anew when it is redriven', async () => {
    const id = uuidv7();
    const attempts: number[] = [];
    await using watched = harness.work({
      consumer,
      idempotency: { store: memoryIdempotencyStore(), leaseSeconds: 60 },
      handler: async ({ deliveryAttempt }) => {
        attempts.push(deliveryAttempt);
        if (attempts.length === 1) throw new Reject('the ledger is closed');
      },
    });
    await harness.send(envelope(orderEvent(id, [])));
    await watched.until('rejected');
    const [letter] = await harness.deadLetters(1);
    await harness.send(letter!.Body!); // SQS counts a redriven message from 1 again
    await watched.until('succeeded', ({ eventId }) => eventId === id);
    expect(attempts).toEqual([1, 2]);
  });

  it('waits for the lease of a worker that died, without giving the message back', async () => {
    const store = memoryIdempotencyStore();
    const id = uuidv7();
    await store.acquire(keyOf(id), { leaseMs: 1500 }); // and is never heard of again
    const attempts: number[] = [];
    await using watched = harness.work({
      consumer,
      idempotency: { store },
      handler: async ({ deliveryAttempt }) => {
        attempts.push(deliveryAttempt);
      },
    });
    await harness.send(envelope(orderEvent(id, [])));
    expect(await watched.until('succeeded')).toMatchObject({ receiveCount: 1 });
    expect(attempts).toEqual([2]);
  });

  it('postpones an event whose lease another keeps renewing', async () => {
    const store = memoryIdempotencyStore();
    const id = uuidv7();
    const other = await store.acquire(keyOf(id), { leaseMs: 1000 });
    if (other.state !== 'acquired') throw new Error('expected the lease');
    let handled = 0;
    await using watched = harness.work({
      consumer,
      idempotency: { store, leaseSeconds: 1 },
      handler: async () => {
        handled += 1;
      },
    });
    const renewing = setInterval(() => void other.lease.renew().catch(() => {}), 100);
    await harness.send(envelope(orderEvent(id, [])));
    expect(await watched.until('postponed')).toMatchObject({ code: 'leased-elsewhere' });
    clearInterval(renewing);
    await other.lease.complete({ outcome: 'handled' });
    await watched.until('duplicate', ({ eventId }) => eventId === id);
    expect(handled).toBe(0);
    expect(watched.worker.stats).toMatchObject({ postponed: 1, duplicates: 1, retried: 0 });
  });

  it('renews the lease while the handler works', async () => {
    const store = memoryIdempotencyStore();
    const id = uuidv7();
    let rival = '';
    await using watched = harness.work({
      consumer,
      idempotency: { store, leaseSeconds: 1 },
      handler: async (_event, { signal }) => {
        for (let look = 0; look < 8; look += 1) {
          await systemClock.sleep(300, signal);
          rival = (await store.acquire(keyOf(id), { leaseMs: 1000 })).state;
          if (rival !== 'leased') break;
        }
      },
    });
    await harness.send(envelope(orderEvent(id, [])));
    await watched.until('succeeded');
    expect(rival).toBe('leased');
  });

  it('aborts a download whose lease is taken over, before the handler has any effect', async () => {
    const inner = memoryIdempotencyStore();
    // Another takes the lease over: what a renewal then hears.
    const store: IdempotencyStore = {
      async acquire(key, options) {
        const acquisition = await inner.acquire(key, options);
        if (acquisition.state !== 'acquired') return acquisition;
        const { lease } = acquisition;
        const lost = async (): Promise<void> => {
          throw new LeaseLostError('another has taken over');
        };
        return { state: 'acquired', lease: { ...lease, renew: lost } };
      },
    };
    const id = uuidv7();
    const attachment = await harness.attach(id, Buffer.alloc(50_000));
    const remove = harness.stack.faults.add({
      match: { service: 's3', operation: 'GetObject' },
      times: Infinity,
      faults: { kind: 'stall', afterBytes: 10 },
    });
    const reasons: LeaseLostError[] = [];
    let effects = 0;
    await using watched = harness.work({
      consumer,
      idempotency: { store, leaseSeconds: 1 },
      handler: async ({ data }, { signal }) => {
        await data.attachments[0]!.bytes({ maxBytes: 50_000 }).catch((error: unknown) => {
          reasons.push(signal.reason as LeaseLostError);
          throw error;
        });
        effects += 1;
      },
    });
    await harness.send(envelope(orderEvent(id, [attachment])));
    await watched.until('lease-lost');
    remove();
    expect(reasons.map(({ code }) => code)).toEqual(['lease-lost']);
    expect(effects).toBe(0);
    expect(watched.worker.stats).toMatchObject({ leasesLost: 1, succeeded: 0, retried: 0 });
  });

  it('handles an event again for a replay that asks for it, under a key of its own', async () => {
    const store = memoryIdempotencyStore();
    const id = uuidv7();
    const keys: string[] = [];
    await using watched = harness.work({
      consumer,
      idempotency: { store },
      handler: async ({ idempotencyKey }) => {
        keys.push(idempotencyKey);
      },
    });
    const replay = { replayid: 'r-7', replaycount: 1, replayfor: consumer };
    await harness.send(envelope(orderEvent(id, [])));
    await watched.until('succeeded');
    await harness.send(envelope(orderEvent(id, [], replay)));
    await watched.until('duplicate');
    await harness.send(envelope(orderEvent(id, [], { ...replay, replayagain: true })));
    await watched.until('succeeded', () => keys.length === 2);
    expect(keys).toEqual([`billing/shop/${id}`, `billing/shop/${id}%23r-7`]);
  });
});

const duplicates = ({ seen }: { seen: readonly { kind: string }[] }): number =>
  seen.filter(({ kind }) => kind === 'duplicate').length;
