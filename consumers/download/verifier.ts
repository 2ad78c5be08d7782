import { createHash, type Hash } from 'node:crypto';
import { combineCrc32c } from '../../shared/crc32c.ts';
import { formatDigest } from '../../shared/digest.ts';
import type { PartPlan } from '../../shared/part-plan.ts';

const READ_BYTES = 256 * 1024;

/** Reads bytes of the partial file; fewer than asked for only at its end. */
export type ReadAt = (buffer: Uint8Array, position: number) => Promise<number>;

/** SHA-256 (RFC 9530 text) and CRC32C of a whole file. */
export interface Sums {
  readonly digest: string | undefined;
  readonly crc32c: number;
}

/**
 * Sums a file while it is still being written in parts, out of order.
 *
 * The hash needs bytes in order. What arrives exactly at its position is hashed as it passes; the rest is read
 * back from the file (by then in the page cache) behind the watermark below which every part is complete. So the
 * end of a download is not a second pass over it. CRC32C needs no second look: parts' sums are combined.
 *
 * Memory: one buffer of 256 KiB, and a number for each complete part above the watermark.
 */
export class Verifier {
  readonly #plan: PartPlan;
  readonly #readAt: ReadAt;
  #hash: Hash | undefined;
  #hashedBytes = 0;
  /** Parts below this are complete. */
  #nextPart = 0;
  #crc = 0;
  readonly #ahead = new Map<number, number>();
  #reading: Promise<void> | undefined;

  constructor(plan: PartPlan, readAt: ReadAt, sha256: boolean) {
    this.#plan = plan;
    this.#readAt = readAt;
    this.#hash = sha256 ? createHash('sha256') : undefined;
  }

  /** Shows bytes as they pass; they must be, or be about to be, in the file at `position`. */
  offer(chunk: Uint8Array, position: number): void {
    if (this.#hash === undefined || this.#reading !== undefined || position !== this.#hashedBytes) return;
    this.#hash.update(chunk);
    this.#hashedBytes += chunk.length;
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
    if (this.#hash === undefined || this.#reading !== undefined || this.#behind() <= 0) return;
    const reading = this.#follow().finally(() => (this.#reading = undefined));
    reading.catch(() => {}); // finish() meets the same fault again
    this.#reading = reading;
  }

  /** Notes where the hash stands; calling the result takes back all that was offered since. */
  checkpoint(): () => void {
    const [hash, hashedBytes] = [this.#hash?.copy(), this.#hashedBytes];
    return () => {
      this.#hash = hash;
      this.#hashedBytes = hashedBytes;
    };
  }

  /** The sums, once every part is complete. @throws what reading the file throws */
  async finish(): Promise<Sums> {
    await this.#reading?.catch(() => {});
    await this.#follow();
    const digest = this.#hash === undefined ? undefined : formatDigest(this.#hash.digest());
    return { digest, crc32c: this.#crc };
  }

  /** Lets a read under way come to its end, so that the file can be closed. */
  async settle(): Promise<void> {
    await this.#reading?.catch(() => {});
  }

  #behind(): number {
    const { partSizeBytes, sizeBytes } = this.#plan;
    return Math.min(this.#nextPart * partSizeBytes, sizeBytes) - this.#hashedBytes;
  }

  async #follow(): Promise<void> {
    if (this.#hash === undefined || this.#behind() <= 0) return;
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let behind = this.#behind(); behind > 0; behind = this.#behind()) {
      const wanted = buffer.subarray(0, Math.min(behind, READ_BYTES));
      const got = await this.#readAt(wanted, this.#hashedBytes);
      if (got === 0) throw new Error(`the partial file ends at byte ${this.#hashedBytes}`);
      this.#hash.update(wanted.subarray(0, got));
      this.#hashedBytes += got;
    }
  }
}
