import { constants, writeSync } from 'node:fs';
import { mkdir, open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32c } from '../../shared/crc32c.ts';
import type { Span } from '../../shared/part-plan.ts';
import { removeFile } from './journal.ts';
import { errnoCode, ofTheDisk, onDisk } from './on-disk.ts';
import type { FilePlace, Placed } from './transport.ts';

const READ_BYTES = 256 * 1024;

/** Files below this are written on this thread: the way to another one takes longer than the write. In bytes. */
export const SYNC_BELOW_BYTES = 256 * 1024;

/** The file in which a download collects its bytes, at any position. Every method throws {StorageError}. */
export interface PartialFile {
  /** For reading elsewhere, until it is closed. */
  readonly fd: number;
  /** Writes all of `chunk`. */
  write(chunk: Uint8Array, position: number): Promise<void>;
  /** Has a body written by its transport. */
  receive(
    place: (place: FilePlace) => AsyncIterable<Placed>,
    position: number,
    length: number,
  ): AsyncIterable<Placed>;
  /** Reads up to `buffer.length` bytes; 0 at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Makes it as long as the whole, without writing: a file system that cannot hold it says so now. */
  resize(sizeBytes: number): Promise<void>;
  /** Throws away all bytes. */
  clear(): Promise<void>;
  /** Flushes it, gives it its final name, and flushes the directory; `durable` false: no flushing. It is closed then. */
  finish(path: string, durable: boolean): Promise<void>;
  close(): Promise<void>;
  /** Closes and removes it. */
  remove(): Promise<void>;
}

/**
 * Opens the partial file; it is made if need be, its directory is there.
 * @param sizeBytes that the file will have
 * @throws {StorageError}
 */
export async function openPartialFile(path: string, sizeBytes: number): Promise<PartialFile> {
  const handle = await onDisk('open', path, async () => {
    return await open(path, constants.O_RDWR | constants.O_CREAT);
  });
  const writeAll = sizeBytes < SYNC_BELOW_BYTES ? writeHere : writeInPool;
  return {
    fd: handle.fd,
    write: async (chunk, position) =>
      await onDisk('write', path, async () => await writeAll(handle, chunk, position)),
    async *receive(place, position, length) {
      try {
        yield* place({ fd: handle.fd, position, length });
      } catch (error) {
        throw ofTheDisk('write', path, error);
      }
    },
    read: async (buffer, position) =>
      await onDisk(
        'read',
        path,
        async () => (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
      ),
    resize: async (sizeBytes) => await onDisk('resize', path, async () => await handle.truncate(sizeBytes)),
    clear: async () => await onDisk('resize', path, async () => await handle.truncate(0)),
    close: async () => await handle.close(),
    async finish(target, durable) {
      if (durable) await onDisk('flush', path, async () => await handle.sync());
      await handle.close();
      await onDisk('rename', target, async () => await renameInto(path, target));
      if (durable) await onDisk('flush', dirname(target), async () => await syncDirectory(dirname(target)));
    },
    async remove() {
      await handle.close();
      await removeFile(path);
    },
  };
}

/** CRC32C of a span of the file, showing each piece as it passes; undefined if the file ends before. */
export async function crcOfSpan(
  file: PartialFile,
  span: Span,
  show: (chunk: Uint8Array, position: number) => void,
): Promise<number | undefined> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let crc = 0;
  for (let at = span.start; at < span.end;) {
    const got = await file.read(buffer.subarray(0, Math.min(READ_BYTES, span.end - at)), at);
    if (got === 0) return undefined;
    const chunk = buffer.subarray(0, got);
    crc = crc32c(chunk, crc);
    show(chunk, at);
    at += got;
  }
  return crc;
}

/** The target may be in another directory than the partial file, which may not be there yet. */
async function renameInto(path: string, target: string): Promise<void> {
  try {
    await rename(path, target);
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw error;
    await mkdir(dirname(target), { recursive: true });
    await rename(path, target);
  }
}

async function writeHere(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    done += writeSync(handle.fd, chunk, done, chunk.length - done, position + done);
  }
  await Promise.resolve();
}

async function writeInPool(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}

/** Makes the new name durable. Systems that cannot flush a directory keep it safe by themselves. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!['EISDIR', 'EINVAL', 'EPERM', 'EBADF', 'ENOTSUP'].includes(errnoCode(error) ?? '')) throw error;
  }
}
