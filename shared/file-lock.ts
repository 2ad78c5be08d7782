import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { stateOfProcess, thisProcess } from './process-identity.ts';

/** A lock of another machine is broken when none of its files was written for this long. */
const FOREIGN_STALE_MS = 15 * 60_000;

/** Rounds of "it exists, it is stale, it is gone again" before giving up. */
const MAX_ROUNDS = 5;

/** Held locks of this process: a process id cannot tell two holders in one process apart. */
const heldHere = new Set<string>();

/** A lock that is held until it is disposed, or who holds it instead. */
export type LockAttempt = AsyncDisposable | { readonly heldBy: 'this process' | 'another process' };

/**
 * Takes a lock file; it says which process has it.
 *
 * The lock of a process that died is taken over: on the same machine when its process id is gone or belongs to a
 * process that started at another time; of another machine (a shared file system) when the lock and the files in
 * `signsOfLife` have been left alone for 15 minutes.
 *
 * @throws what the file system throws
 */
export async function lockFile(lockPath: string, signsOfLife: readonly string[] = []): Promise<LockAttempt> {
  const path = resolve(lockPath);
  if (heldHere.has(path)) return { heldBy: 'this process' };
  heldHere.add(path);
  try {
    if (!(await take(path, signsOfLife))) {
      heldHere.delete(path);
      return { heldBy: 'another process' };
    }
  } catch (error) {
    heldHere.delete(path);
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      heldHere.delete(path);
      await unlink(path).catch(() => {}); // at worst it is stale for whoever comes next
    },
  };
}

async function take(path: string, signsOfLife: readonly string[]): Promise<boolean> {
  const own = JSON.stringify(await thisProcess());
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    if (await create(path, own)) return true;
    const other = await readFile(path, 'utf8').catch(() => undefined);
    if (other === undefined) continue; // given back meanwhile
    if (!(await isStale(other, [path, ...signsOfLife]))) return false;
    await breakLock(path, other);
  }
  return false;
}

/** Creates the lock with its content at once: a reader never finds it empty. */
async function create(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.close();
    await linkOrWrite(draft, path, content);
    return true;
  } catch (error) {
    if (errnoCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await handle.close();
    await unlink(draft).catch(() => {});
  }
}

/** File systems without hard links get a lock that may be found empty, which counts as one of another machine. */
async function linkOrWrite(draft: string, path: string, content: string): Promise<void> {
  try {
    await link(draft, path);
  } catch (error) {
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoCode(error) ?? '')) throw error;
    await writeFile(path, content, { flag: 'wx', mode: 0o600 });
  }
}

/** Takes a stale lock away; if another did so first, and what was moved is a new lock, puts that back. */
async function breakLock(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(() => {});
  const moved = await readFile(aside, 'utf8').catch(() => undefined);
  if (moved !== undefined && moved !== stale) await link(aside, path).catch(() => {});
  await unlink(aside).catch(() => {});
}

async function isStale(content: string, signsOfLife: readonly string[]): Promise<boolean> {
  const holder = parse(content);
  const state = await stateOfProcess(holder);
  if (state === 'unknown') {
    const writtenMs = await Promise.all(signsOfLife.map(async (file) => await modifiedMs(file)));
    return Date.now() - Math.max(...writtenMs) > FOREIGN_STALE_MS;
  }
  // In this process no lock is held here (heldHere), so one with this process id was left by an earlier one.
  return state === 'gone' || holder.pid === process.pid;
}

function parse(content: string): { readonly pid?: unknown } {
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

async function modifiedMs(path: string): Promise<number> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.mtimeMs ?? 0;
}

function errnoCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
