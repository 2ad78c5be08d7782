import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { LeaseLostError, s3IdempotencyStore, type S3IdempotencyStore } from '../../../../consumers/index.ts';
import { createManualClock, startLocal, type Fault, type LocalStack } from '../../../../local/index.ts';
import { RecordsError } from '../../../../shared/errors.ts';
import { idempotencyRecordSchema } from '../../../../shared/idempotency.ts';
import { createRecords } from '../../../../shared/records/index.ts';
import { freshKey, mustAcquire } from '../../../helpers/idempotency-suite.ts';

const LEASE_MS = 30_000;
const LOST: Fault = { kind: 'drop-response' };

describe('idempotency records in S3, when answers are lost', () => {
  let stack: LocalStack;
  const stores: S3IdempotencyStore[] = [];
  beforeAll(async () => {
    stack = await startLocal({ buckets: [{ name: 'control', versioning: false }] });
  });
  afterEach(() => {
    stack.faults.clear();
    for (const store of stores.splice(0)) store.close();
  });
  afterAll(async () => await stack.close());

  const clock = createManualClock();
  const control = (): { bucket: string; region: string; endpoint: string } => ({
    bucket: 'control',
    region: stack.region,
    endpoint: stack.endpoint,
  });
  const open = (maxAttempts = 4): S3IdempotencyStore => {
    const retry = { maxAttempts, backoffBaseMs: 0, backoffCapMs: 0 };
    const store = s3IdempotencyStore({ control: control(), credentials: stack.credentials, retry, clock });
    stores.push(store);
    return store;
  };
  const loseAnswers = (times = 1): void =>
    void stack.faults.add({ match: { service: 's3', operation: 'PutObject' }, times, faults: LOST });

  test('each call succeeds although its first three writes were applied and not answered', async () => {
    const store = open();
    const key = freshKey();
    loseAnswers(3);
    const first = mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS }));
    expect(first.attempt).toBe(1);
    loseAnswers(3);
    await first.renew();
    loseAnswers(3);
    await first.release();
    loseAnswers(3);
    const second = mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS }));
    expect(second.attempt).toBe(2);
    loseAnswers(3);
    await second.complete({ outcome: 'handled' });
    expect(stack.faults.hits).toBe(15);
    expect(await store.acquire(key, { leaseMs: LEASE_MS })).toMatchObject({
      state: 'done',
      record: { attempts: 2, renewals: 0 },
    });
  });

  test('a call that failed with its answer lost can be made again', async () => {
    const store = open(1);
    const lease = mustAcquire(await store.acquire(freshKey(), { leaseMs: LEASE_MS }));
    loseAnswers();
    await expect(lease.renew()).rejects.toThrow(RecordsError);
    await lease.renew();
    loseAnswers();
    await expect(lease.complete({ outcome: 'handled' })).rejects.toThrow(RecordsError);
    await lease.complete({ outcome: 'handled' });
  });

  test('fails an owner whose answer was lost when another has taken over since', async () => {
    const [slow, quick] = [open(1), open()];
    const key = freshKey();
    const lost = mustAcquire(await slow.acquire(key, { leaseMs: LEASE_MS }));
    loseAnswers();
    await expect(lost.renew()).rejects.toThrow(RecordsError);
    expect((await quick.acquire(key, { leaseMs: LEASE_MS })).state).toBe('leased');
    clock.advance(LEASE_MS);
    const lease = mustAcquire(await quick.acquire(key, { leaseMs: LEASE_MS }));
    await expect(lost.complete({ outcome: 'handled' })).rejects.toThrow(LeaseLostError);
    await lease.complete({ outcome: 'handled' });
  });

  test('an acquisition nobody heard of is stale after its length, like that of a process that died', async () => {
    const store = open(1);
    const key = freshKey();
    loseAnswers();
    await expect(store.acquire(key, { leaseMs: LEASE_MS })).rejects.toThrow(RecordsError);
    expect((await store.acquire(key, { leaseMs: LEASE_MS })).state).toBe('leased');
    clock.advance(LEASE_MS);
    expect(mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS })).attempt).toBe(2);
  });

  test('the record stands where others look for it, in the shape that is published', async () => {
    const store = open();
    const key = { ...freshKey(), id: '01890000-0000-7000-8000-000000000000#again 1' };
    await mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS })).complete({ outcome: 'handled' });
    const records = createRecords({ control: control(), credentials: stack.credentials });
    const path = 'idempotency/billing/shop.orders/01890000-0000-7000-8000-000000000000%23again%201';
    const stored = await records.get(path);
    records.close();
    expect(idempotencyRecordSchema.parse(JSON.parse(stored?.body ?? ''))).toMatchObject({
      waybillrecord: 1,
      ...key,
      state: 'done',
      outcome: 'handled',
    });
  });

  test('fails as unavailable, naming the bucket, when it cannot be reached', async () => {
    const store = s3IdempotencyStore({
      control: { ...control(), bucket: 'no-such-bucket' },
      credentials: stack.credentials,
      clock,
    });
    stores.push(store);
    const failing = store.acquire(freshKey(), { leaseMs: LEASE_MS });
    await expect(failing).rejects.toMatchObject({
      disposition: 'unavailable',
      message: expect.stringContaining('s3://no-such-bucket/idempotency/billing/'),
    });
  });
});
