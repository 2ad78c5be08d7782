import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryMaker, listDirectory } from './durable-file.ts';

/** Chunks are gathered to about this size before one vectored write, in bytes. */
const WRITE_BATCH_BYTES = 1024 * 1024;

/** Files of bytes with random names; what refers to them decides how long they live. */
export class BlobStore {
  readonly #dir: string;
  readonly #directories = new DirectoryMaker();
  readonly #pins = new Map<string, number>();
  readonly #doomed = new Set<string>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Starts a new blob. Nobody knows of it until its record is published. */
  async create(): Promise<BlobWriter> {
    const name = newBlobName();
    const path = this.#path(name);
    await this.#directories.ensure(join(path, '..'));
    return new BlobWriter(name, path, await open(path, 'wx', 0o600));
  }

  /** A second name for the same bytes, so that copies cost nothing and die independently. */
  async duplicate(name: string): Promise<string> {
    const copy = newBlobName();
    const path = this.#path(copy);
    await this.#directories.ensure(join(path, '..'));
    await link(this.#path(name), path);
    return copy;
  }

  async open(name: string): Promise<FileHandle> {
    return await open(this.#path(name), constants.O_RDONLY);
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
    return join(this.#dir, name.slice(0, 2), name);
  }
}

/** Gathers chunks into large writes; at most one write is under way while the next gathers. */
export class BlobWriter {
  readonly name: string;
  readonly #path: string;
  readonly #handle: FileHandle;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #sizeBytes = 0;

  constructor(name: string, path: string, handle: FileHandle) {
    this.name = name;
    this.#path = path;
    this.#handle = handle;
  }

  /** Takes ownership of `chunk`; the caller must not change it. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#batch.push(chunk);
    this.#batchBytes += chunk.length;
    this.#sizeBytes += chunk.length;
    if (this.#batchBytes >= WRITE_BATCH_BYTES) await this.#flush();
  }

  /** Writes the rest and syncs it to disk. */
  async finish(): Promise<{ blob: string; sizeBytes: number }> {
    await this.#flush();
    await this.#writing;
    await this.#handle.datasync();
    await this.#handle.close();
    return { blob: this.name, sizeBytes: this.#sizeBytes };
  }

  /** Removes what was written. Never throws. */
  async discard(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#handle.close().catch(() => {});
    await rm(this.#path, { force: true }).catch(() => {});
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#writing = writeAll(this.#handle, batch);
    this.#writing.catch(() => {}); // seen by whoever awaits it next
  }
}

async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  const wanted = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const { bytesWritten } = await handle.writev(chunks);
  if (bytesWritten === wanted) return;
  let rest = Buffer.concat(chunks).subarray(bytesWritten);
  while (rest.length > 0) {
    const written = await handle.write(rest);
    rest = rest.subarray(written.bytesWritten);
  }
}

function newBlobName(): string {
  return randomBytes(16).toString('hex');
}
