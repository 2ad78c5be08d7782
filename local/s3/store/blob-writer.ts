import { closeSync, openSync, writevSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Disk } from './disk.ts';

/** Chunks are gathered to about this size before one vectored write, in bytes. */
const WRITE_BATCH_BYTES = 1024 * 1024;

/**
 * Blobs up to this size are written by the thread that serves, in bytes, where no sync is promised: a copy into
 * the page cache, which takes less time than to hand it to another thread and to hear of its end, three times.
 */
const INLINE_BYTES = 128 * 1024;

/** Gathers chunks into large writes; at most one write is under way while the next gathers. */
export class BlobWriter {
  readonly name: string;
  readonly #path: string;
  readonly #disk: Disk;
  #handle: FileHandle | undefined;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #sizeBytes = 0;

  /** The file is made with the first write; its directory must be there. */
  constructor(name: string, path: string, disk: Disk) {
    this.name = name;
    this.#path = path;
    this.#disk = disk;
  }

  /** Takes ownership of `chunk`; the caller must not change it. */
  write(chunk: Uint8Array): Promise<void> | void {
    this.#batch.push(chunk);
    this.#batchBytes += chunk.length;
    this.#sizeBytes += chunk.length;
    if (this.#batchBytes >= WRITE_BATCH_BYTES) return this.#flush();
  }

  /** Writes the rest, and syncs it where that is promised. */
  async finish(): Promise<{ blob: string; sizeBytes: number }> {
    const result = { blob: this.name, sizeBytes: this.#sizeBytes };
    if (this.#handle === undefined && this.#sizeBytes <= INLINE_BYTES && !this.#disk.syncs) {
      writeInline(this.#path, this.#batch);
      return result;
    }
    await this.#flush();
    await this.#writing;
    const handle = this.#handle ?? (await this.#open());
    await this.#disk.syncFile(handle);
    await handle.close();
    await this.#disk.syncDirectory(dirname(this.#path));
    return result;
  }

  /** Removes what was written. Never throws. */
  async discard(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#handle?.close().catch(() => {});
    await rm(this.#path, { force: true }).catch(() => {});
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    const handle = this.#handle ?? (await this.#open());
    this.#writing = writeAll(handle, batch);
    this.#writing.catch(() => {}); // seen by whoever awaits it next
  }

  async #open(): Promise<FileHandle> {
    this.#handle = await open(this.#path, 'wx', 0o600);
    return this.#handle;
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

function writeInline(path: string, chunks: readonly Uint8Array[]): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    let rest = [...chunks];
    while (rest.length > 0) {
      let written = writevSync(descriptor, rest);
      rest = rest.flatMap((chunk) => {
        const skipped = Math.min(written, chunk.length);
        written -= skipped;
        return skipped === chunk.length ? [] : [chunk.subarray(skipped)];
      });
    }
  } finally {
    closeSync(descriptor);
  }
}
