import { availableParallelism } from 'node:os';
import type { PartPlan, Span } from '../../shared/part-plan.ts';
import { planParts } from '../../shared/part-plan.ts';
import {
  journalHeader,
  readJournal,
  removeFile,
  startJournal,
  type Journal,
  type JournalHeader,
} from './journal.ts';
import { crcOfSpan, openPartialFile, SYNC_BELOW_BYTES, type PartialFile } from './partial-file.ts';
import type { Transfer } from './transfer.ts';
import type { Placed, TransportResponse } from './transport.ts';
import { Verifier } from './verifier.ts';

/**
 * The partial file, its journal and its sums as one: what an earlier process left is read back and checked once,
 * each part that is written is noted, and a part counts only when its bytes are in the file.
 *
 * Nothing is made as large as the event claims before the store has confirmed it with a good reply.
 */
export class PartialDownload {
  readonly plan: PartPlan;
  readonly verifier: Verifier;
  readonly #transfer: Transfer;
  readonly #file: PartialFile;
  readonly #journalPath: string;
  /** Parts taken over from an earlier process. */
  readonly #taken = new Map<number, number>();
  #beginning: Promise<void> | undefined;
  #journal: Journal | undefined;
  #journalIsThere = false;

  static async open(transfer: Transfer, partialPath: string): Promise<PartialDownload> {
    return new PartialDownload(
      transfer,
      await openPartialFile(partialPath, transfer.identity.sizeBytes),
      `${partialPath}.journal`,
    );
  }

  private constructor(transfer: Transfer, file: PartialFile, journalPath: string) {
    const { identity, options } = transfer;
    this.plan = planParts(identity.sizeBytes, options.partSizeBytes);
    this.verifier = new Verifier(
      this.plan,
      async (buffer, position) => await file.read(buffer, position),
      options.verify.sha256,
      file.fd,
    );
    this.#transfer = transfer;
    this.#file = file;
    this.#journalPath = journalPath;
  }

  /** Bytes of the file if other threads may receive it: where hashing leaves a processor for more than one. */
  get sharedBytes(): number | undefined {
    const taken = this.verifier.threaded ? 1 : 0;
    return availableParallelism() - taken > 1 ? this.plan.sizeBytes : undefined;
  }

  /** True if an earlier process left this part. */
  has(part: number): boolean {
    return this.#taken.has(part);
  }

  /** Reads back what the journal names. The same read feeds the hash of a small file; parts that differ are fetched again. */
  async takeOver(): Promise<void> {
    const { identity, signal, meter } = this.#transfer;
    const record = await readJournal(this.#journalPath);
    if (record === 'none') return;
    this.#journalIsThere = true;
    if (record === 'unreadable' || !isSameObject(record.header, this.#header())) {
      await removeFile(this.#journalPath);
      return;
    }
    identity.etag ??= record.header.etag;
    let bytes = 0;
    for (const [part, crc] of [...record.parts].sort(([a], [b]) => a - b)) {
      signal.throwIfAborted();
      if (part >= this.plan.count) break;
      const span = this.plan.span(part);
      const takeBack = this.verifier.checkpoint();
      const found = await crcOfSpan(this.#file, span, (chunk, at) => this.verifier.offer(chunk, at));
      if (found === crc) {
        this.#taken.set(part, crc);
        this.verifier.complete(part, crc);
        bytes += span.end - span.start;
      } else takeBack();
    }
    if (bytes > 0) meter.takenOver(bytes);
  }

  /** Makes the file ready for bytes; called at every good reply, does its work at the first. */
  async begin(): Promise<void> {
    this.#beginning ??= this.#begin();
    await this.#beginning;
  }

  async #begin(): Promise<void> {
    await this.#file.resize(this.plan.sizeBytes);
    // What a small file loses when its process is killed is fetched again sooner than a journal is written.
    if (this.plan.sizeBytes < SYNC_BELOW_BYTES) return;
    this.#journalIsThere = true;
    this.#journal = await startJournal(this.#journalPath, this.#header(), this.#taken);
  }

  /** The body of a span as it comes: its chunks, or what of it has been written, where the transport does that. */
  receive({ body, place }: TransportResponse, { start, end }: Span): AsyncIterable<Uint8Array | Placed> {
    return place === undefined ? body : this.#file.receive(place, start, end - start);
  }

  async write(chunk: Uint8Array, at: number): Promise<void> {
    await this.#file.write(chunk, at);
    this.verifier.offer(chunk, at);
  }

  /** Says that all bytes of a part have been written. */
  async complete(part: number, crc: number): Promise<void> {
    this.verifier.complete(part, crc);
    await this.#journal?.append(part, crc);
  }

  /** Gives the file its final name. */
  async finish(path: string): Promise<void> {
    await this.#file.finish(path, this.#transfer.options.durable);
    await this.#journal?.close();
    if (this.#journalIsThere) await removeFile(this.#journalPath);
  }

  /** Lets go of the files and leaves them for a later attempt. */
  async close(): Promise<void> {
    await this.verifier.settle();
    await this.#journal?.close();
    await this.#file.close();
  }

  /** Lets go of the files and removes them. */
  async remove(): Promise<void> {
    await this.close();
    if (this.#journalIsThere) await removeFile(this.#journalPath);
    await this.#file.remove();
  }

  #header(): JournalHeader {
    const { store, key, versionId, etag, sizeBytes, digest } = this.#transfer.identity;
    return journalHeader({
      store,
      key,
      versionId,
      etag,
      size: sizeBytes,
      digest,
      partSizeBytes: this.plan.partSizeBytes,
    });
  }
}

/** True if the parts are of the same object, cut alike. What one side does not know yet is taken as equal. */
function isSameObject(found: JournalHeader, wanted: JournalHeader): boolean {
  const agrees = (a: string | undefined, b: string | undefined): boolean =>
    a === undefined || b === undefined || a === b;
  // Something beyond the name must tell that the object is still the same one.
  const told = [found.etag, found.versionId, found.digest].some((mark) => mark !== undefined);
  return (
    told &&
    found.store === wanted.store &&
    found.key === wanted.key &&
    found.size === wanted.size &&
    found.digest === wanted.digest &&
    found.partSizeBytes === wanted.partSizeBytes &&
    agrees(found.versionId, wanted.versionId) &&
    agrees(found.etag, wanted.etag)
  );
}
