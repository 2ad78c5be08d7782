import { lstat, mkdir, realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { StorageError } from '../../shared/errors.ts';

/**
 * Makes a directory under `root`, segment by segment, and refuses a link in any of them, so that nothing is written
 * outside. `root` itself is made if absent and may be a link. Checked when made: a process of the same user that swaps
 * a directory for a link later is not held off.
 *
 * @param segments directory names below `root`, already safe
 * @returns the directory's absolute path, links in `root` resolved
 * @throws {StorageError} when a link or a file stands in the way, or the disk refuses
 */
export async function makeDirectoryInside(root: string, segments: readonly string[]): Promise<string> {
  let current = await storage(`making ${root}`, async () => {
    await mkdir(root, { recursive: true });
    return await realpath(root);
  });
  for (const segment of segments) {
    const next = pathInside(current, segment);
    await storage(`making ${next}`, async () => {
      await mkdir(next).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      if (!(await lstat(next)).isDirectory()) throw new Error('a link or a file stands there');
    });
    current = next;
  }
  return current;
}

/**
 * Joins, and makes sure that the result lies below `root`.
 * @throws {StorageError} when it does not
 */
export function pathInside(root: string, relativePath: string): string {
  const path = resolve(root, relativePath);
  const way = relative(root, path);
  if (way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)) return join(root, way);
  throw new StorageError(`${JSON.stringify(relativePath.slice(0, 80))} leads out of ${root}`);
}

/** Runs file system work; what fails becomes a StorageError that says what was being done. */
export async function storage<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StorageError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StorageError(`${what}: ${reason}`, { cause: error });
  }
}
