import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes JSON beside its place, syncs it, and renames it in: readers see the old text or the new, never half. */
export async function writeJsonDurably(path: string, value: unknown, temporaryDir: string): Promise<void> {
  const temporary = join(temporaryDir, `${randomUUID()}.json`);
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify(value));
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
}

/** Makes a rename or a removal in this directory survive a power cut. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Reads a JSON file this store wrote itself. */
export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}

/** Names in a directory; none if it is not there. */
export async function listDirectory(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Makes directories once each, and remembers which are there. */
export class DirectoryMaker {
  readonly #made = new Map<string, Promise<unknown>>();

  async ensure(dir: string): Promise<void> {
    let making = this.#made.get(dir);
    if (making === undefined) {
      making = mkdir(dir, { recursive: true, mode: 0o700 });
      this.#made.set(dir, making);
    }
    try {
      await making;
    } catch (error) {
      this.#made.delete(dir);
      throw error;
    }
  }
}
