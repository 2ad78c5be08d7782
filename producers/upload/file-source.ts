import type { BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { UploadError } from '../../shared/errors.ts';
import type { SourceReader, UploadSource } from './source.ts';

/**
 * A file. It is read through one handle, so that a rename under the same name does no harm; a write to it
 * while it is read is found by size and modification time.
 * @param sizeBytes as the caller saw it before; the size at opening counts
 */
export function fileSource(path: string, sizeBytes?: number): UploadSource {
  return {
    label: path,
    sizeBytes,
    rereadable: true,
    async open() {
      try {
        const file = await open(path, 'r');
        try {
          return fileReader(path, file, await file.stat({ bigint: true }));
        } catch (error) {
          await file.close();
          throw error;
        }
      } catch (error) {
        throw new UploadError(`cannot open ${path}: ${message(error)}`, { cause: error, details: { path } });
      }
    },
  };
}

function fileReader(path: string, file: FileHandle, opened: BigIntStats): SourceReader {
  const sizeBytes = Number(opened.size);
  let position = 0;
  return {
    sizeBytes,
    async read(into, signal) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(into, 0, into.length, position);
      position += bytesRead;
      return bytesRead;
    },
    async readAt(at, into) {
      return (await file.read(into, 0, into.length, at)).bytesRead;
    },
    async verify() {
      const now = await file.stat({ bigint: true });
      if (now.size === opened.size && now.mtimeNs === opened.mtimeNs) return;
      throw new UploadError(
        `${path} changed while it was uploaded: ${describe(opened)} before, ${describe(now)} after`,
        { details: { path } },
      );
    },
    [Symbol.asyncDispose]: async () => await file.close(),
  };
}

function describe({ size, mtime }: BigIntStats): string {
  return `${size} bytes of ${mtime.toISOString()}`;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
