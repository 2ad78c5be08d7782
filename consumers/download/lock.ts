import { TransferError } from '../../shared/errors.ts';
import { lockFile } from '../../shared/file-lock.ts';
import { onDisk } from './on-disk.ts';

/**
 * Takes a partial file for one download: `<partial>.lock` holds who has it. The lock of a process that died is taken
 * over; that of another machine when lock and partial file have been left alone for 15 minutes.
 *
 * @returns gives it back when disposed
 * @throws {TransferError} when another download has it; its disposition is `retry`
 * @throws {StorageError}
 */
export async function lockPartial(partialPath: string): Promise<AsyncDisposable> {
  const lockPath = `${partialPath}.lock`;
  const lock = await onDisk('lock', lockPath, async () => await lockFile(lockPath, [partialPath]));
  if (!('heldBy' in lock)) return lock;
  throw new TransferError(`${partialPath} is in use by another download of ${lock.heldBy}`, {
    details: { path: partialPath },
  });
}
