import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directoryIdempotencyStore } from '../../../../consumers/idempotency/index.ts';
import { createLeaseStore } from '../../../../consumers/idempotency/lease-store.ts';
import { memoryRegister } from '../../../../consumers/idempotency/memory-store.ts';
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
