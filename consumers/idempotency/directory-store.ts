import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock, type Clock } from '../../shared/clock.ts';
import { nonEmptyString, numberInRange } from '../../shared/options.ts';
import { stateOfProcess, thisProcess } from '../../shared/process-identity.ts';
import { storage } from '../worker/safe-directory.ts';
import { directoryRegister, DRAFT } from './directory-register.ts';
import { createLeaseStore, type LeaseStoreOptions } from './lease-store.ts';
import type { IdempotencyStore } from './types.ts';

/** Directories between the root and a record: consumer, source. */
const DEPTH = 2;

/** A draft that old is of a process that died. */
const DRAFT_MAX_AGE_MS = 3_600_000;

export interface DirectoryStoreOptions extends LeaseStoreOptions {
  /** On a local file system; made when needed, 0700, its files 0600. For all worker processes of one machine. */
  readonly directory: string;
}

/**
 * Idempotency records in a directory, for workers of one machine. They survive `kill -9` and power cuts: two fsyncs when an
 * event is acquired and two when it is completed. The lease of a process that died is taken over at once; in another
 * container's directory, where nobody can tell, when it is stale. `pruneIdempotencyDirectory` removes old ones.
 *
 * @throws {TypeError|RangeError} naming the option that is wrong
 */
export function directoryIdempotencyStore(options: DirectoryStoreOptions): IdempotencyStore {
  const directory = resolve(nonEmptyString('directory', options.directory));
  const isGone = async (holder: unknown): Promise<boolean> => (await stateOfProcess(holder)) === 'gone';
  return createLeaseStore(directoryRegister(directory), {
    ...options,
    holders: { self: thisProcess, isGone },
  });
}

/**
 * Removes records that were last written long ago. An event whose record is gone is new again, so keep them for longer than
 * any redelivery and any replay you mean to make: 90 days, say. Workers may run meanwhile.
 *
 * @returns how many records it removed
 * @throws {RangeError} when `olderThanMs` is less than an hour
 * @throws {StorageError} when the disk refuses
 */
export async function pruneIdempotencyDirectory(
  directory: string,
  options: { readonly olderThanMs: number; readonly clock?: Clock },
): Promise<number> {
  const bounds = { min: DRAFT_MAX_AGE_MS, max: Number.MAX_SAFE_INTEGER, unit: 'ms' };
  const olderThanMs = numberInRange('olderThanMs', options.olderThanMs, bounds);
  const nowMs = (options.clock ?? systemClock).nowMs();
  return await storage(`pruning ${directory}`, async () => await pruneLevel(resolve(directory), 0));

  async function pruneLevel(path: string, depth: number): Promise<number> {
    let removed = 0;
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const child = join(path, entry.name);
      const isDraft = entry.name.startsWith(DRAFT);
      if (!isDraft && depth < DEPTH) removed += await pruneLevel(child, depth + 1);
      else if (nowMs - (await modifiedMs(child)) > (isDraft ? DRAFT_MAX_AGE_MS : olderThanMs)) {
        await removeWhole(child, path);
        removed += isDraft ? 0 : 1;
      }
    }
    return removed;
  }
}

/** When the record was last written: its directory changes with every write. */
async function modifiedMs(path: string): Promise<number> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.mtimeMs ?? Infinity;
}

/** Out of the way at once, so that nobody meets half a record. */
async function removeWhole(path: string, parent: string): Promise<void> {
  const aside = join(parent, `${DRAFT}${randomUUID()}`);
  await rename(path, aside);
  await rm(aside, { recursive: true, force: true });
}
