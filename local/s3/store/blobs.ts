import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BlobWriter } from './blob-writer.ts';
import { listDirectory } from './disk.ts';
import type { Disk } from './disk.ts';

/** Files of bytes with random names; what refers to them decides how long they live. */
export class BlobStore {
  readonly #dir: string;
  readonly #disk: Disk;
  readonly #pins = new Map<string, number>();
  readonly #doomed = new Set<string>();

  constructor(dir: string, disk: Disk) {
    this.#dir = dir;
    this.#disk = disk;
  }

  /** Starts a new blob. Nobody knows of it until its record is published. */
  async create(): Promise<BlobWriter> {
    const name = newBlobName();
    const path = this.#path(name);
    await this.#disk.ensureDirectory(dirname(path));
    return new BlobWriter(name, path, this.#disk);
  }

  /** A second name for the same bytes, so that copies cost nothing and die independently. */
  async duplicate(name: string): Promise<string> {
    const copy = newBlobName();
    const path = this.#path(copy);
    await this.#disk.ensureDirectory(dirname(path));
    await link(this.#path(name), path);
    await this.#disk.syncDirectory(dirname(path));
    return copy;
  }

  async open(name: string): Promise<FileHandle> {
    return await open(this.#path(name), constants.O_RDONLY);
  }

  /** Reads a few bytes at once, on the thread that serves. @throws {Error} if the blob has less than `length` after `start` */
  readNow(name: string, start: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    const descriptor = openSync(this.#path(name), 'r');
    try {
      for (let done = 0; done < length;) {
        const bytesRead = readSync(descriptor, bytes, done, length - done, start + done);
        if (bytesRead === 0) throw new Error('a blob is shorter than its record says');
        done += bytesRead;
      }
    } finally {
      closeSync(descriptor);
    }
    return bytes;
  }

  /** Keeps blobs readable until the returned function is called, even if they are removed meanwhile. */
  pin(names: readonly string[]): () => void {
    for (const name of names) this.#pins.set(name, (this.#pins.get(name) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      for (const name of names) this.#unpin(name);
    };
  }

  /** Removes blobs, those being read as soon as their readers are done. */
  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#pins.has(name)) this.#doomed.add(name);
      else await rm(this.#path(name), { force: true });
    }
  }

  /** Removes every blob that is not in `referenced`: what a crash left behind. */
  async sweep(referenced: ReadonlySet<string>): Promise<void> {
    for (const shard of await listDirectory(this.#dir)) {
      const names = await listDirectory(join(this.#dir, shard));
      await this.remove(names.filter((name) => !referenced.has(name)));
    }
  }

  #unpin(name: string): void {
    const left = (this.#pins.get(name) ?? 1) - 1;
    if (left > 0) {
      this.#pins.set(name, left);
      return;
    }
    this.#pins.delete(name);
    // A failure leaves an unreferenced file, which the next start sweeps.
    if (this.#doomed.delete(name)) void rm(this.#path(name), { force: true }).catch(() => {});
  }

  #path(name: string): string {
    return join(this.#dir, name.slice(0, 1), name);
  }
}

/** 32 hex digits. Node keeps random bytes for UUIDs at hand, and fetches those of `randomBytes` anew each time. */
function newBlobName(): string {
  return randomUUID().replaceAll('-', '');
}
