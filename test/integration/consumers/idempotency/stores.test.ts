import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directoryIdempotencyStore, s3IdempotencyStore } from '../../../../consumers/idempotency/index.ts';
import { createLeaseStore } from '../../../../consumers/idempotency/lease-store.ts';
import { memoryRegister } from '../../../../consumers/idempotency/memory-store.ts';
import { startLocal } from '../../../../local/index.ts';
import { s3ClientFor } from '../../../../shared/s3-client.ts';
import { resolveStores } from '../../../../shared/stores.ts';
import { describeIdempotencyStore } from '../../../helpers/idempotency-suite.ts';

describeIdempotencyStore('in memory', async () => {
  const register = memoryRegister();
  return {
    open: (clock) => createLeaseStore(register, { clock }),
    [Symbol.asyncDispose]: async () => {},
  };
});

describeIdempotencyStore('in a directory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'waybill-idempotency-'));
  return {
    open: (clock) => directoryIdempotencyStore({ directory, clock }),
    [Symbol.asyncDispose]: async () => await rm(directory, { recursive: true, force: true }),
  };
});

describeIdempotencyStore('in S3', async () => {
  const stack = await startLocal({ buckets: [{ name: 'control', versioning: false }] });
  const { region, endpoint, credentials } = stack;
  const client = s3ClientFor(
    resolveStores({ control: { bucket: 'control', region, endpoint } }).get('control'),
    {
      credentials,
      maxAttempts: 1,
    },
  );
  return {
    open: (clock) => s3IdempotencyStore({ control: { bucket: 'control', region, endpoint }, client, clock }),
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      await stack.close();
    },
  };
});
