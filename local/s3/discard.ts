import type { BlobStore } from './store/blobs.ts';
import { UnsyncedError } from './store/disk.ts';

/** Runs `work`; if it fails, removes blobs that it would have made part of an object. */
export async function discardOnError<T>(
  blobs: BlobStore,
  names: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // What is visible already keeps its bytes, whatever happens to its sync.
    if (!(error instanceof UnsyncedError)) await blobs.remove(names);
    throw error;
  }
}
