import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StorageError } from '../../shared/errors.ts';
import { storage } from '../worker/safe-directory.ts';
import type { Register, Stored } from './register.ts';

/** Looks at a record that others keep changing, before giving up. */
const MAX_LOOKS = 50;

/** Prefix of what is not a record yet, or no longer. */
export const DRAFT = '.draft-';

/**
 * A register in a directory of one machine. Nothing is locked, so a process that dies leaves nothing that others would
 * have to judge.
 *
 * A record is a directory with two files: `<etag>.json` holds the text, and the name of the empty `<etag>.current`
 * says which text counts. *Create* prepares such a directory aside and renames it into place, which fails where one
 * stands. *Replace* writes the new text beside the old and renames `<old>.current` to `<new>.current`: of several at
 * once, one finds the old name. A text is synced before it can count, the directory after: what was answered survives
 * a power cut.
 */
export function directoryRegister(root: string): Register {
  return {
    create: async (key, body) =>
      await storage(`idempotency record ${key}`, async () => {
        const path = recordPath(root, key);
        for (let look = 0; look < MAX_LOOKS; look += 1) {
          const record = await read(path);
          if (record !== undefined) return { outcome: 'exists', record };
          const etag = randomUUID();
          if (await createAt(path, etag, body)) return { outcome: 'created', etag };
        }
        throw new StorageError(`${path}: it comes and goes`);
      }),
    replace: async (key, body, etag) =>
      await storage(`idempotency record ${key}`, async () => {
        const path = recordPath(root, key);
        const next = randomUUID();
        if (await replaceAt(path, etag, next, body)) return { outcome: 'replaced', etag: next };
        const record = await read(path);
        return record === undefined ? { outcome: 'missing' } : { outcome: 'changed', record };
      }),
  };
}

async function createAt(path: string, etag: string, body: string): Promise<boolean> {
  const parent = dirname(path);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const draft = join(parent, `${DRAFT}${randomUUID()}`);
  await mkdir(draft, { mode: 0o700 });
  try {
    await writeSynced(join(draft, `${etag}.json`), body);
    await writeSynced(join(draft, `${etag}.current`), '');
    await syncDirectory(draft);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
  await syncDirectory(parent);
  return true;
}

async function replaceAt(path: string, etag: string, next: string, body: string): Promise<boolean> {
  const text = join(path, `${next}.json`);
  try {
    await writeSynced(text, body);
    await rename(join(path, `${etag}.current`), join(path, `${next}.current`));
  } catch (error) {
    await rm(text, { force: true });
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  await syncDirectory(path);
  await rm(join(path, `${etag}.json`), { force: true });
  return true;
}

/** The text that counts; undefined if there is no such record. */
async function read(path: string): Promise<Stored | undefined> {
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const names = await orMissing(readdir(path));
    if (names === undefined) return undefined;
    const current = names.find((name) => name.endsWith('.current'));
    if (current === undefined) continue; // renamed under our eyes
    const etag = current.slice(0, -'.current'.length);
    const body = await orMissing(readFile(join(path, `${etag}.json`), 'utf8'));
    if (body !== undefined) return { body, etag }; // otherwise it was replaced meanwhile
  }
  throw new StorageError(`${path}: no text counts there`);
}

/** Where a record stands. Every part of the key that is not plain lower case gets its hash, for the file system's sake. */
function recordPath(root: string, key: string): string {
  return join(root, ...key.split('/').map(fileName));
}

function fileName(part: string): string {
  if (/^[a-z0-9_-][a-z0-9._-]{0,127}$/.test(part)) return part;
  const readable = part.toLowerCase().replaceAll(/[^a-z0-9_-]/g, '_');
  return `${readable.slice(0, 64)}~${createHash('sha256').update(part).digest('hex').slice(0, 32)}`;
}

async function writeSynced(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function orMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
