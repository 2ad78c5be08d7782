import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LeaseLostError } from '../../consumers/outcomes.ts';
import type { Acquisition, IdempotencyStore, Lease } from '../../consumers/idempotency/index.ts';
import { createManualClock, type ManualClock } from '../../local/index.ts';
import type { IdempotencyKey } from '../../shared/idempotency.ts';

/** Records that several store objects share, as several processes would. */
export interface StoreWorld extends AsyncDisposable {
  /** A store as another process would have it: with its own memory and its own clock. */
  open(clock: ManualClock): IdempotencyStore;
}

const LEASE_MS = 30_000;
const TEN_MINUTES_MS = 600_000;

let counter = 0;
export const freshKey = (): IdempotencyKey => ({
  consumer: 'billing',
  source: 'shop.orders',
  id: `01890000-0000-7000-8000-${String((counter += 1)).padStart(12, '0')}`,
});

export function mustAcquire(acquisition: Acquisition): Lease {
  if (acquisition.state !== 'acquired') throw new Error(`expected the lease, got ${acquisition.state}`);
  return acquisition.lease;
}

/** What every store must hold, whoever wrote it. */
export function describeIdempotencyStore(name: string, createWorld: () => Promise<StoreWorld>): void {
  describe(`idempotency records ${name}`, () => {
    let world: StoreWorld;
    let clock: ManualClock;
    let store: IdempotencyStore;
    let key: IdempotencyKey;
    beforeEach(async () => {
      world = await createWorld();
      clock = createManualClock();
      store = world.open(clock);
      key = freshKey();
    });
    afterEach(async () => await world[Symbol.asyncDispose]());

    const acquire = async (from = store, leaseMs = LEASE_MS): Promise<Acquisition> =>
      await from.acquire(key, { leaseMs });
    /** A second process that has watched the lease for its whole length. */
    const watchOut = async (): Promise<{ other: IdempotencyStore; otherClock: ManualClock }> => {
      const otherClock = createManualClock();
      const other = world.open(otherClock);
      expect((await acquire(other)).state).toBe('leased');
      otherClock.advance(LEASE_MS);
      return { other, otherClock };
    };

    test('the first to ask has the lease, with attempt 1 and the key that every attempt has', async () => {
      const lease = mustAcquire(await acquire());
      expect(lease.attempt).toBe(1);
      expect(lease.idempotencyKey).toBe(`billing/shop.orders/${key.id}`);
    });

    test('while it is held, others are told when to ask again', async () => {
      mustAcquire(await acquire());
      const other = world.open(createManualClock());
      expect(await acquire(other)).toEqual({ state: 'leased', retryAfterMs: LEASE_MS });
      expect(await acquire(store)).toEqual({ state: 'leased', retryAfterMs: LEASE_MS });
    });

    test('of many at once exactly one has it', async () => {
      const stores = Array.from({ length: 12 }, () => world.open(createManualClock()));
      const states = await Promise.all(stores.map(async (each) => (await acquire(each)).state));
      expect(states.filter((state) => state === 'acquired')).toHaveLength(1);
      expect(states.filter((state) => state === 'leased')).toHaveLength(11);
    });

    test('done is done: for everyone, however late, with what was written down', async () => {
      const lease = mustAcquire(await acquire());
      await lease.complete({ outcome: 'handled', verified: { a1: 'sha-256=:AAAA:' } });
      clock.advance(30 * 86_400_000);
      for (const each of [store, world.open(createManualClock())]) {
        const seen = await acquire(each);
        expect(seen).toMatchObject({
          state: 'done',
          record: {
            ...key,
            attempts: 1,
            leaseMs: LEASE_MS,
            outcome: 'handled',
            verified: { a1: 'sha-256=:AAAA:' },
          },
        });
        expect(seen.state === 'done' && Date.parse(seen.record.finishedAt ?? '')).toBe(
          clock.nowMs() - 30 * 86_400_000,
        );
      }
    });

    test('a lease is stale only after its own length, counted from when it was first seen', async () => {
      mustAcquire(await acquire());
      const otherClock = createManualClock();
      otherClock.advance(TEN_MINUTES_MS); // it may have been held for as long; who has not watched does not know
      const other = world.open(otherClock);
      expect((await acquire(other, 1_000)).state).toBe('leased');
      otherClock.advance(LEASE_MS - 1);
      expect(await acquire(other, 1_000)).toEqual({ state: 'leased', retryAfterMs: 1 });
      otherClock.advance(1);
      expect(mustAcquire(await acquire(other)).attempt).toBe(2);
    });

    test('a crash between acquire and complete costs one lease length, also for the process that comes back', async () => {
      mustAcquire(await acquire());
      const reborn = world.open(clock);
      expect((await acquire(reborn)).state).toBe('leased');
      clock.advance(LEASE_MS);
      const lease = mustAcquire(await acquire(reborn));
      expect(lease.attempt).toBe(2);
      await lease.complete({ outcome: 'handled' });
      expect(await acquire()).toMatchObject({ state: 'done', record: { attempts: 2 } });
    });

    test('a renewed lease is not taken over', async () => {
      const lease = mustAcquire(await acquire());
      const { other, otherClock } = await watchOut();
      await lease.renew();
      expect((await acquire(other)).state).toBe('leased');
      otherClock.advance(LEASE_MS - 1);
      await lease.renew();
      otherClock.advance(1);
      expect((await acquire(other)).state).toBe('leased');
      await lease.complete({ outcome: 'handled' });
    });

    test('fails every call of an owner who was taken over, and overwrites nothing', async () => {
      const lost = mustAcquire(await acquire());
      const { other } = await watchOut();
      const lease = mustAcquire(await acquire(other));
      await expect(lost.complete({ outcome: 'handled' })).rejects.toThrow(LeaseLostError);
      await expect(lost.renew()).rejects.toThrow(LeaseLostError);
      await lost.release('too late to matter');
      await lease.renew();
      await lease.complete({ outcome: 'handled', verified: { by: 'the second' } });
      await expect(lost.complete({ outcome: 'handled' })).rejects.toThrow(LeaseLostError);
      expect(await acquire()).toMatchObject({
        state: 'done',
        record: { attempts: 2, verified: { by: 'the second' } },
      });
    });

    test('fails to renew or complete a lease that another has completed', async () => {
      const lost = mustAcquire(await acquire());
      const { other } = await watchOut();
      await mustAcquire(await acquire(other)).complete({ outcome: 'handled' });
      await expect(lost.renew()).rejects.toThrow(LeaseLostError);
    });

    test('of many that find a lease stale exactly one takes it over', async () => {
      const dead = mustAcquire(await acquire());
      const watchers = [];
      for (let index = 0; index < 8; index += 1) watchers.push(await watchOut());
      const seen = await Promise.all(watchers.map(async ({ other }) => await acquire(other)));
      const won = seen.filter(({ state }) => state === 'acquired').map(mustAcquire);
      expect(won.map(({ attempt }) => attempt)).toEqual([2]);
      await expect(dead.renew()).rejects.toThrow(LeaseLostError);
      await won[0]?.renew();
    });

    test('an owner that renews while others take over: one of them has it afterwards', async () => {
      for (let round = 0; round < 5; round += 1) {
        key = freshKey();
        const lease = mustAcquire(await acquire());
        const watchers = [await watchOut(), await watchOut()];
        const [renewed, ...taken] = await Promise.all([
          lease.renew().then(
            () => 1,
            (error: unknown) => {
              expect(error).toBeInstanceOf(LeaseLostError);
              return 0;
            },
          ),
          ...watchers.map(async ({ other }) => ((await acquire(other)).state === 'acquired' ? 1 : 0)),
        ]);
        expect(renewed + taken.reduce<number>((sum, each) => sum + each, 0)).toBe(1);
      }
    });

    test('what is released is free at once, and its attempts are not forgotten', async () => {
      const first = mustAcquire(await acquire());
      await first.release('the URL service is down');
      const other = world.open(createManualClock());
      const second = mustAcquire(await acquire(other));
      expect(second.attempt).toBe(2);
      await expect(first.renew()).rejects.toThrow(LeaseLostError);
      await expect(first.complete({ outcome: 'handled' })).rejects.toThrow(LeaseLostError);
      await second.complete({ outcome: 'handled' });
      await second.release(); // as a `finally` would
      expect((await acquire()).state).toBe('done');
    });

    test('wall clocks that are ten minutes off change nothing', async () => {
      const lease = mustAcquire(await acquire());
      for (const skewMs of [-TEN_MINUTES_MS, TEN_MINUTES_MS]) {
        const skewed = createManualClock(clock.nowMs() + skewMs);
        const other = world.open(skewed);
        expect(await acquire(other)).toEqual({ state: 'leased', retryAfterMs: LEASE_MS });
        skewed.set(clock.nowMs() - 2 * skewMs); // and jump
        expect(await acquire(other)).toEqual({ state: 'leased', retryAfterMs: LEASE_MS });
      }
      clock.set(clock.nowMs() - TEN_MINUTES_MS);
      await lease.renew();
      await lease.complete({ outcome: 'handled' });
      expect((await acquire()).state).toBe('done');
    });

    test('calls on one lease that are made at once run one after the other', async () => {
      const lease = mustAcquire(await acquire());
      await Promise.all([
        lease.renew(),
        lease.renew(),
        lease.complete({ outcome: 'handled' }),
        expect(lease.renew()).rejects.toThrow(LeaseLostError),
        lease.release(),
      ]);
      expect((await acquire()).state).toBe('done');
    });

    test('keys that resemble each other are different', async () => {
      const keys = [
        { consumer: 'a', source: 'b', id: 'c' },
        { consumer: 'a/b', source: 'c', id: 'c' },
        { consumer: 'a', source: 'b/c', id: 'c' },
        { consumer: 'A', source: 'b', id: 'c' },
        { consumer: 'a', source: 'B', id: 'c' },
        { consumer: 'a', source: '..', id: 'c' },
        { consumer: '.', source: '..', id: 'c' },
        { consumer: 'a', source: 'b', id: 'c#1' },
        { consumer: 'a', source: 'b', id: 'c%231' },
        { consumer: 'a', source: 'b'.repeat(300), id: 'c' },
        { consumer: 'ä', source: 'b', id: '\u{1F600}' },
      ];
      const texts = [];
      for (const each of keys) {
        const lease = mustAcquire(await store.acquire(each, { leaseMs: LEASE_MS }));
        texts.push(lease.idempotencyKey);
        await lease.complete({ outcome: 'handled' });
      }
      expect(new Set(texts).size).toBe(keys.length);
      for (const each of keys) {
        const seen = await store.acquire(each, { leaseMs: LEASE_MS });
        expect(seen).toMatchObject({ state: 'done', record: each });
      }
    });

    test('fails with the reason of a signal that has aborted', async () => {
      const reason = new Error('the worker stops');
      const signal = AbortSignal.abort(reason);
      await expect(store.acquire(key, { leaseMs: LEASE_MS, signal })).rejects.toBe(reason);
      const lease = mustAcquire(await acquire());
      await expect(lease.renew(signal)).rejects.toBe(reason);
      await lease.renew(); // not lost by that
    });

    test('fails for a lease length or a key that cannot be', async () => {
      await expect(store.acquire(key, { leaseMs: 999 })).rejects.toThrow(/leaseMs: got 999/);
      await expect(store.acquire(key, { leaseMs: 43_200_001 })).rejects.toThrow(RangeError);
      await expect(store.acquire({ ...key, consumer: '' }, { leaseMs: LEASE_MS })).rejects.toThrow(
        /consumer: got ""/,
      );
    });
  });
}
