import { describe, expect, test } from 'vitest';
import type { Lease } from '../../../../consumers/index.ts';
import { IdempotencyRecordError, LeaseLostError } from '../../../../consumers/index.ts';
import { createLeaseStore } from '../../../../consumers/idempotency/lease-store.ts';
import { memoryRegister } from '../../../../consumers/idempotency/memory-store.ts';
import type { Register } from '../../../../consumers/idempotency/register.ts';
import { createManualClock } from '../../../../local/index.ts';
import { freshKey, mustAcquire } from '../../../helpers/idempotency-suite.ts';

const LEASE_MS = 10_000;

/** A register whose answers can be lost after the write was applied. */
function lossyRegister(): { register: Register; loseNext: () => void; under: Register } {
  const under = memoryRegister();
  let losing = false;
  const answer = <T>(value: T): T => {
    if (!losing) return value;
    losing = false;
    throw new Error('the answer is lost');
  };
  const register: Register = {
    create: async (...args) => answer(await under.create(...args)),
    replace: async (...args) => answer(await under.replace(...args)),
  };
  return { register, under, loseNext: () => void (losing = true) };
}

async function held(): Promise<{
  lease: Lease;
  loseNext: () => void;
  again: () => ReturnType<ReturnType<typeof createLeaseStore>['acquire']>;
}> {
  const { register, loseNext } = lossyRegister();
  const clock = createManualClock();
  const key = freshKey();
  const lease = mustAcquire(await createLeaseStore(register, { clock }).acquire(key, { leaseMs: LEASE_MS }));
  return {
    lease,
    loseNext,
    again: async () => await createLeaseStore(register, { clock }).acquire(key, { leaseMs: LEASE_MS }),
  };
}

describe('a write that was applied although its answer was lost', () => {
  test('a renewal: the next one goes on from it', async () => {
    const { lease, loseNext } = await held();
    loseNext();
    await expect(lease.renew()).rejects.toThrow('lost');
    await lease.renew();
    loseNext();
    await expect(lease.renew()).rejects.toThrow('lost');
    await lease.complete({ outcome: 'handled' });
  });

  test('a completion: made again it succeeds, and a renewal in between finds that the lease has ended', async () => {
    const { lease, loseNext, again } = await held();
    loseNext();
    await expect(lease.complete({ outcome: 'handled' })).rejects.toThrow('lost');
    await lease.complete({ outcome: 'handled' });
    expect((await again()).state).toBe('done');
    const other = await held();
    other.loseNext();
    await expect(other.lease.complete({ outcome: 'handled' })).rejects.toThrow('lost');
    await expect(other.lease.renew()).rejects.toThrow(LeaseLostError);
  });

  test('a release: made again it succeeds, but a completion after it does not', async () => {
    const { lease, loseNext, again } = await held();
    loseNext();
    await expect(lease.release()).rejects.toThrow('lost');
    await lease.release();
    expect((await again()).state).toBe('acquired');
    const other = await held();
    other.loseNext();
    await expect(other.lease.release()).rejects.toThrow('lost');
    await expect(other.lease.complete({ outcome: 'handled' })).rejects.toThrow(LeaseLostError);
  });

  test('an acquisition that a register retries by itself is found to be its own', async () => {
    const under = memoryRegister();
    const twice: Register = {
      create: async (...args) => {
        await under.create(...args);
        return await under.create(...args);
      },
      replace: async (...args) => {
        await under.replace(...args);
        return await under.replace(...args);
      },
    };
    const clock = createManualClock();
    const key = freshKey();
    const first = mustAcquire(await createLeaseStore(twice, { clock }).acquire(key, { leaseMs: LEASE_MS }));
    expect(first.attempt).toBe(1);
    await first.renew();
    await first.release();
    const second = mustAcquire(await createLeaseStore(twice, { clock }).acquire(key, { leaseMs: LEASE_MS }));
    expect(second.attempt).toBe(2);
    await second.complete({ outcome: 'handled' });
  });
});

describe('a record that is none', () => {
  test.each([
    ['not JSON', '{'],
    ['another version', JSON.stringify({ waybillrecord: 2 })],
    ['an empty file', ''],
  ])('fails for this event alone: %s', async (_name, body) => {
    const register = memoryRegister();
    const key = freshKey();
    await register.create(`billing/shop.orders/${key.id}`, body);
    const error: unknown = await createLeaseStore(register)
      .acquire(key, { leaseMs: LEASE_MS })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(IdempotencyRecordError);
    expect(error).toMatchObject({ disposition: 'reject', message: expect.stringContaining(key.id) });
  });

  test('fails when it is the record of another event', async () => {
    const register = memoryRegister();
    const [key, other] = [freshKey(), freshKey()];
    const store = createLeaseStore({
      ...register,
      create: async (path, body) => await register.create(path.replace(other.id, key.id), body),
    });
    mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS }));
    await expect(store.acquire(other, { leaseMs: LEASE_MS })).rejects.toThrow(
      /the record that stands there is of/,
    );
  });

  test('a reason is redacted and bounded', async () => {
    const bodies: string[] = [];
    const under = memoryRegister();
    const store = createLeaseStore({
      create: async (path, body) => await under.create(path, body),
      replace: async (path, body, etag) => {
        bodies.push(body);
        return await under.replace(path, body, etag);
      },
    });
    const lease = mustAcquire(await store.acquire(freshKey(), { leaseMs: LEASE_MS }));
    await lease.release(`GET https://s3.test/b/k?X-Amz-Signature=abc failed ${'x'.repeat(5_000)}`);
    const { reason, state } = JSON.parse(bodies[0] ?? '') as { reason: string; state: string };
    expect(state).toBe('released');
    expect(reason).toHaveLength(1_000);
    expect(reason).toContain('https://s3.test/b/k?[redacted]');
  });
});
