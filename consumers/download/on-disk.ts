import { StorageError } from '../../shared/errors.ts';

/**
 * Does something with the disk.
 * @throws {StorageError} when the system refuses (full, read-only, no permission, …), with its error as the cause
 */
export async function onDisk<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ofTheDisk(what, path, error);
  }
}

/** A StorageError for what the system refused; any other error as it is. */
export function ofTheDisk(what: string, path: string, error: unknown): unknown {
  const code = errnoCode(error);
  if (code === undefined) return error;
  return new StorageError(`${what} ${path}: ${code}`, { cause: error, details: { path, errno: code } });
}

/** `ENOSPC`, `EACCES`, …; undefined for what is no error of the system. */
export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
