import { createHash } from 'node:crypto';

const READ_BYTES = 256 * 1024;

/** Reads bytes of the partial file; fewer than asked for only at its end. */
export type ReadAt = (buffer: Uint8Array, position: number) => Promise<number>;

/** SHA-256 of a file that is still being written. */
export interface FileHash {
  /** Shows bytes as they pass; they must be, or be about to be, in the file at `position`. */
  offer(chunk: Uint8Array, position: number): void;
  /** Says that all bytes before `bytes` are in the file. */
  advance(bytes: number): void;
  /** Notes where the hash stands; calling the result takes back all that was offered since. */
  checkpoint(): () => void;
  /** The hash of the first `bytes` bytes. @throws what reading the file throws */
  finish(bytes: number): Promise<Buffer>;
  /** Lets a read under way come to its end, so that the file can be closed; nothing is read after. */
  settle(): Promise<void>;
}

/**
 * Hashes on this thread: what arrives exactly at its position as it passes, the rest by reading it back behind the
 * watermark. Memory: one buffer of 256 KiB.
 */
export function hashHere(readAt: ReadAt): FileHash {
  let hash = createHash('sha256');
  let [hashedBytes, completeBytes] = [0, 0];
  let reading: Promise<void> | undefined;
  const follow = async (): Promise<void> => {
    if (completeBytes <= hashedBytes) return;
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    while (completeBytes > hashedBytes) {
      const wanted = buffer.subarray(0, Math.min(completeBytes - hashedBytes, READ_BYTES));
      const got = await readAt(wanted, hashedBytes);
      if (got === 0) throw new Error(`the partial file ends at byte ${hashedBytes}`);
      hash.update(wanted.subarray(0, got));
      hashedBytes += got;
    }
  };
  return {
    offer(chunk, position) {
      if (reading !== undefined || position !== hashedBytes) return;
      hash.update(chunk);
      hashedBytes += chunk.length;
    },
    advance(bytes) {
      completeBytes = bytes;
      if (reading !== undefined || completeBytes <= hashedBytes) return;
      reading = follow().finally(() => (reading = undefined));
      reading.catch(() => {}); // finish() meets the same fault again
    },
    checkpoint() {
      const [copy, bytes] = [hash.copy(), hashedBytes];
      return () => {
        hash = copy;
        hashedBytes = bytes;
      };
    },
    async finish(bytes) {
      await reading?.catch(() => {});
      completeBytes = bytes;
      await follow();
      return hash.digest();
    },
    async settle() {
      await reading?.catch(() => {});
    },
  };
}
