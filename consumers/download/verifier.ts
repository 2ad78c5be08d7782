import { combineCrc32c } from '../../shared/crc32c.ts';
import { formatDigest } from '../../shared/digest.ts';
import type { PartPlan } from '../../shared/part-plan.ts';
import { hashHere, type FileHash, type ReadAt } from './file-hash.ts';
import { hashInThread, THREAD_FROM_BYTES } from './hash-thread.ts';

/** SHA-256 (RFC 9530 text) and CRC32C of a whole file. */
export interface Sums {
  readonly digest: string | undefined;
  readonly crc32c: number;
}

/**
 * Sums a file while it is still being written in parts, out of order.
 *
 * The hash needs bytes in order. Small files are hashed as they pass (file-hash.ts), large ones by a thread that reads
 * them back from the page cache, behind the watermark below which every part is complete (hash-thread.ts). So the end
 * of a download is not a second pass over it. CRC32C needs no second look: parts' sums are combined.
 *
 * Memory: one buffer of 256 KiB, or a share of the thread; and a number for each complete part above the watermark.
 */
export class Verifier {
  readonly #plan: PartPlan;
  readonly #hash: FileHash | undefined;
  /** True if a thread of its own hashes. */
  readonly threaded: boolean;
  /** Parts below this are complete. */
  #nextPart = 0;
  #crc = 0;
  readonly #ahead = new Map<number, number>();

  /** @param fd of the file that `readAt` reads; without one, no thread reads it */
  constructor(plan: PartPlan, readAt: ReadAt, sha256: boolean, fd?: number) {
    this.#plan = plan;
    const followed = sha256 && fd !== undefined && plan.sizeBytes >= THREAD_FROM_BYTES;
    this.threaded = followed;
    if (sha256) this.#hash = followed ? hashInThread(fd, readAt) : hashHere(readAt);
  }

  /** Shows bytes as they pass; they must be, or be about to be, in the file at `position`. */
  offer(chunk: Uint8Array, position: number): void {
    this.#hash?.offer(chunk, position);
  }

  /** Says that a part is in the file. */
  complete(part: number, crc: number): void {
    this.#ahead.set(part, crc);
    for (
      let next = this.#ahead.get(this.#nextPart);
      next !== undefined;
      next = this.#ahead.get(this.#nextPart)
    ) {
      const { start, end } = this.#plan.span(this.#nextPart);
      this.#crc = combineCrc32c(this.#crc, next, end - start);
      this.#ahead.delete(this.#nextPart);
      this.#nextPart += 1;
    }
    const { partSizeBytes, sizeBytes } = this.#plan;
    this.#hash?.advance(Math.min(this.#nextPart * partSizeBytes, sizeBytes));
  }

  /** Notes where the hash stands; calling the result takes back all that was offered since. */
  checkpoint(): () => void {
    return this.#hash?.checkpoint() ?? (() => {});
  }

  /** The sums, once every part is complete. @throws what reading the file throws */
  async finish(): Promise<Sums> {
    if (this.#nextPart < this.#plan.count) throw new Error(`part ${this.#nextPart} was never completed`);
    const sha256 = await this.#hash?.finish(this.#plan.sizeBytes);
    return { digest: sha256 === undefined ? undefined : formatDigest(sha256), crc32c: this.#crc };
  }

  /** Lets a read under way come to its end, so that the file can be closed. */
  async settle(): Promise<void> {
    await this.#hash?.settle();
  }
}
