import { randomUUID } from 'node:crypto';
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from './durable-file.ts';

/**
 * What an acknowledged write survives: `process` the death of this process at any instant (the kernel holds
 * what was written); `power` also that of the machine, for an fsync or more a write.
 */
export type Durability = 'process' | 'power';

/** A write that took place, and is visible, but whose sync failed: it may be lost with the machine's power. */
export class UnsyncedError extends Error {
  constructor(cause: unknown) {
    super('written, but not synced', { cause });
    this.name = 'UnsyncedError';
  }
}

/** How a store changes its directory: every change is one rename or one unlink, synced where that is promised. */
export class Disk {
  readonly #temporaryDir: string;
  readonly #durability: Durability;
  readonly #made = new Map<string, Promise<void>>();

  constructor(temporaryDir: string, durability: Durability) {
    this.#temporaryDir = temporaryDir;
    this.#durability = durability;
  }

  get syncs(): boolean {
    return this.#durability === 'power';
  }

  /**
   * Writes JSON beside its place and renames it in: readers see the old text or the new, never half. Its place
   * is not synced yet, see `syncDirectory`.
   */
  async writeJson(path: string, value: unknown): Promise<void> {
    const temporary = join(this.#temporaryDir, `${randomUUID()}.json`);
    const text = JSON.stringify(value);
    if (!this.syncs) {
      // A record is a page or two for the page cache: quicker done than handed to another thread, four times.
      writeWhole(temporary, text);
      renameSync(temporary, path);
      return;
    }
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  }

  /** Makes the bytes of a file survive what is promised. */
  async syncFile(handle: FileHandle): Promise<void> {
    if (this.syncs) await handle.datasync();
  }

  /** Makes renames and removals in this directory survive what is promised. @throws {UnsyncedError} */
  async syncDirectory(dir: string): Promise<void> {
    if (!this.syncs) return;
    try {
      await syncDirectory(dir);
    } catch (error) {
      throw new UnsyncedError(error);
    }
  }

  /** Makes a directory and those above it once, and remembers that it is there. */
  async ensureDirectory(dir: string): Promise<void> {
    let making = this.#made.get(dir);
    if (making === undefined) {
      making = this.makeDirectory(dir);
      this.#made.set(dir, making);
    }
    try {
      await making;
    } catch (error) {
      this.#made.delete(dir);
      throw error;
    }
  }

  /** Makes a directory and those above it, each in a synced parent. */
  async makeDirectory(dir: string): Promise<void> {
    const first = await mkdir(dir, { recursive: true, mode: 0o700 });
    if (first === undefined || !this.syncs) return;
    for (let made = dir; made.length >= first.length; made = dirname(made)) {
      await this.syncDirectory(dirname(made));
    }
  }

  /**
   * Takes a directory away in one step; a crash leaves all of it or none.
   * @returns removes what was taken away; whether it does so before the next start matters to nobody.
   */
  async detachDirectory(dir: string): Promise<() => Promise<void>> {
    const doomed = join(this.#temporaryDir, randomUUID());
    await rename(dir, doomed);
    for (const made of this.#made.keys()) {
      if (made === dir || made.startsWith(`${dir}/`)) this.#made.delete(made);
    }
    await this.syncDirectory(dirname(dir));
    return async () => await rm(doomed, { recursive: true, force: true });
  }
}

function writeWhole(path: string, text: string): void {
  const bytes = Buffer.from(text);
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
  } finally {
    closeSync(descriptor);
  }
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
