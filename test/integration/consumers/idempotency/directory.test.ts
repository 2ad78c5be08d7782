import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { directoryIdempotencyStore, pruneIdempotencyDirectory } from '../../../../consumers/index.ts';
import { StorageError } from '../../../../shared/errors.ts';
import { freshKey, mustAcquire } from '../../../helpers/idempotency-suite.ts';

const LEASE_MS = 30_000;
const HOUR_MS = 3_600_000;

describe('idempotency records in a directory', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waybill-idempotency-'));
  });
  afterEach(async () => await rm(directory, { recursive: true, force: true }));

  const files = async (): Promise<string[]> =>
    (await readdir(directory, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));

  test('nobody else may read them, and each has two files however often it was renewed', async () => {
    const store = directoryIdempotencyStore({ directory });
    const key = freshKey();
    const lease = mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS }));
    for (let index = 0; index < 5; index += 1) await lease.renew();
    await lease.complete({ outcome: 'handled' });
    const found = await files();
    expect(found).toHaveLength(2);
    for (const file of found) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, 'billing'))).mode & 0o777).toBe(0o700);
    const text = await readFile(found.find((file) => file.endsWith('.json')) ?? '', 'utf8');
    expect(JSON.parse(text)).toMatchObject({ ...key, state: 'done', renewals: 5, attempts: 1 });
  });

  test('processes killed at any moment leave records that others can read and finish', async () => {
    const child = fileURLToPath(new URL('directory-child.ts', import.meta.url));
    const keys = Array.from({ length: 5 }, freshKey);
    for (let round = 0; round < 3; round += 1) {
      const running = spawn(process.execPath, ['--import', 'tsx', child, directory, JSON.stringify(keys)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let writes = 0;
      for await (const chunk of running.stdout) {
        writes += String(chunk).length;
        if (writes > 7 * (round + 1)) break;
      }
      running.kill('SIGKILL');
      if (running.exitCode === null && running.signalCode === null) await once(running, 'exit');
      expect(running.signalCode).toBe('SIGKILL');
    }
    const store = directoryIdempotencyStore({ directory });
    for (const key of keys) {
      // Their owners are dead, which this machine can tell: nothing is waited for.
      const lease = mustAcquire(await store.acquire(key, { leaseMs: 1_000 }));
      await lease.complete({ outcome: 'handled' });
    }
  });

  test('a lease of a live process, or of one that nobody here can know, is waited for', async () => {
    const store = directoryIdempotencyStore({ directory });
    const [live, foreign] = [freshKey(), freshKey()];
    for (const key of [live, foreign]) mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS }));
    const path = (await files()).find((file) => file.includes(foreign.id) && file.endsWith('.json')) ?? '';
    const record = JSON.parse(await readFile(path, 'utf8')) as { holder: object };
    const elsewhere = { ...record, holder: { ...record.holder, namespace: 'pid:[1]', pid: 2 ** 22 } };
    await writeFile(path, JSON.stringify(elsewhere));
    const other = directoryIdempotencyStore({ directory });
    for (const key of [live, foreign])
      expect(await other.acquire(key, { leaseMs: LEASE_MS })).toMatchObject({ state: 'leased' });
    await writeFile(path, JSON.stringify({ ...record, holder: { ...record.holder, pid: 2 ** 22 } }));
    expect(mustAcquire(await other.acquire(foreign, { leaseMs: LEASE_MS })).attempt).toBe(2);
  });

  test('pruning removes old records, and what dead processes left half made, and nothing else', async () => {
    const store = directoryIdempotencyStore({ directory });
    const [old, recent] = [freshKey(), freshKey()];
    for (const key of [old, recent])
      await mustAcquire(await store.acquire(key, { leaseMs: LEASE_MS })).complete({ outcome: 'handled' });
    const oldPath = join(directory, 'billing', 'shop.orders', old.id);
    const longAgo = new Date(Date.now() - 30 * 24 * HOUR_MS);
    await utimes(oldPath, longAgo, longAgo);
    expect(await pruneIdempotencyDirectory(directory, { olderThanMs: 60 * 24 * HOUR_MS })).toBe(0);
    expect(await pruneIdempotencyDirectory(directory, { olderThanMs: 29 * 24 * HOUR_MS })).toBe(1);
    expect((await store.acquire(recent, { leaseMs: LEASE_MS })).state).toBe('done');
    expect(mustAcquire(await store.acquire(old, { leaseMs: LEASE_MS })).attempt).toBe(1);
    await expect(pruneIdempotencyDirectory(directory, { olderThanMs: 1 })).rejects.toThrow(
      /olderThanMs: got 1/,
    );
  });

  test('fails as a disk does, with the reason', async () => {
    await writeFile(join(directory, 'billing'), 'a file stands in the way');
    const store = directoryIdempotencyStore({ directory });
    const failing = store.acquire(freshKey(), { leaseMs: LEASE_MS });
    await expect(failing).rejects.toThrow(StorageError);
    await expect(failing).rejects.toMatchObject({ disposition: 'unavailable' });
  });
});
