import { TransportError } from '../transport.ts';
import type { BlockPool } from './block-pool.ts';

/** Blocks of one body: one that is read, one that waits, one that fills. */
const MAX_BLOCKS = 3;

/**
 * Bytes of one piece of memory that the reader keeps: seven TLS records (RFC 8446, section 5.1), below the 128 KiB from which C
 * libraries ask the system for new pages each time.
 */
const KEPT_BYTES = 7 * 16 * 1024;

/** Pieces that wait for a reader that keeps them. */
const MAX_KEPT = 4;

/** Bytes in memory of the reader's own that are handed out as one view: few enough to be in the cache still. */
const VIEW_BYTES = 256 * 1024;

/** What a queue does to the exchange that fills it. */
export interface BodySource {
  /** Bytes are wanted that may have been held back. */
  resume(): void;
  /** The reader wants no more. */
  cancel(error: Error): void;
}

interface Piece {
  readonly block: Buffer;
  /** Bytes before this have been handed out already. */
  from: number;
  filled: number;
  /** False for memory that is the reader's: it is not given back, and may be handed out while it fills. */
  readonly pooled: boolean;
}

/** What the reader gets: the bytes, and the block that is given back after, if they are not a copy. */
interface Ready {
  readonly bytes: Uint8Array;
  readonly block: Buffer | undefined;
}

/**
 * A body on its way from a socket to its reader, in pooled blocks: the socket reads straight into the block that
 * fills, the reader gets whole blocks. Each block is given back when the reader asks for the next one.
 *
 * All bytes that came are handed out before the end, or the error, is. A reader that brings its own memory gets views
 * of that instead of blocks; one that keeps what it gets has memory made for it, piece by piece.
 */
export class BodyQueue implements AsyncIterableIterator<Uint8Array> {
  readonly #pool: BlockPool;
  readonly #source: BodySource;
  #filling: Piece | undefined;
  #ready: Ready[] = [];
  #reading: Buffer | undefined;
  #blocks = 0;
  #kept = false;
  #end: 'open' | 'done' | { readonly error: unknown } = 'open';
  #waiter:
    | { resolve: (result: IteratorResult<Uint8Array>) => void; reject: (error: unknown) => void }
    | undefined;

  constructor(pool: BlockPool, source: BodySource) {
    this.#pool = pool;
    this.#source = source;
  }

  /** True if the reader waits for bytes. */
  get wanted(): boolean {
    return this.#waiter !== undefined;
  }

  /** Reads all of the body into this memory, which must be as long as it; only before the first byte. */
  readInto(memory: Buffer): void {
    this.#filling = { block: memory, from: 0, filled: 0, pooled: false };
  }

  /** Reads the body into memory that the reader may keep; only before the first byte. */
  keep(): void {
    this.#kept = true;
  }

  /** Room for at most `bytes`, which are what is left, where the next ones go; undefined if there is none now. */
  room(bytes: number): Uint8Array | undefined {
    if (!this.hasRoom(bytes)) return undefined;
    const { block, filled } = this.#filling as unknown as Piece;
    // A plain view: one of a Buffer's own takes a third longer to make, and every read needs one.
    return new Uint8Array(block.buffer, block.byteOffset + filled, Math.min(block.length - filled, bytes));
  }

  /** True if there is room; takes a block if need be. `bytes` are left. */
  hasRoom(bytes: number): boolean {
    if (this.#filling !== undefined) return true;
    if (this.#kept) {
      if (this.#ready.length >= MAX_KEPT) return false;
      this.#filling = ownPiece(bytes);
      return true;
    }
    if (this.#blocks >= MAX_BLOCKS) return false;
    const block = this.#pool.take(this.#blocks === 0);
    if (block !== undefined) this.#begin(block);
    return block !== undefined;
  }

  /** Counts bytes that were read into `room`. */
  filled(bytes: number): void {
    const piece = this.#filling;
    if (piece === undefined) return;
    piece.filled += bytes;
    if (piece.filled === piece.block.length) this.#handOver();
    else if (!piece.pooled && piece.filled - piece.from >= VIEW_BYTES) this.flush();
  }

  /** Takes a copy of bytes that were read elsewhere, before `more`; beyond all limits if need be, for they are here. */
  copy(bytes: Uint8Array, more = 0): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#filling === undefined && this.#kept) this.#filling = ownPiece(bytes.length - at + more);
      else if (this.#filling === undefined) this.#begin(this.#pool.take(true) as Buffer);
      const { block, filled } = this.#filling as unknown as Piece;
      const count = Math.min(block.length - filled, bytes.length - at);
      block.set(bytes.subarray(at, at + count), filled);
      at += count;
      this.filled(count);
    }
  }

  #begin(block: Buffer): void {
    this.#filling = { block, from: 0, filled: 0, pooled: true };
    this.#blocks += 1;
  }

  /**
   * Lets the reader have what there is, before the block is full. It gets a copy: the socket goes on reading into the
   * rest of the block, which therefore must not be given back, nor be the reader's to keep, for it may send what it keeps
   * to another thread, which takes the memory away. Of memory that it brought it gets a view.
   */
  flush(): void {
    const piece = this.#filling;
    if (piece === undefined || piece.filled === piece.from) return;
    const view = piece.block.subarray(piece.from, piece.filled);
    const bytes = piece.pooled || this.#kept ? Buffer.from(view) : view;
    piece.from = piece.filled;
    this.#ready.push({ bytes, block: undefined });
    this.#serve();
  }

  /** Passes the block on; only while no read into it can be under way. */
  #handOver(): void {
    const piece = this.#filling;
    this.#filling = undefined;
    if (piece === undefined) return;
    const { block, from, filled, pooled } = piece;
    if (filled > from) {
      this.#ready.push({ bytes: block.subarray(from, filled), block: pooled ? block : undefined });
      this.#serve();
    } else if (pooled) this.#give(block);
  }

  /** No more bytes will come: the answer is complete, or the connection closed. */
  finish(end: 'done' | { readonly error: unknown }): void {
    if (this.#end !== 'open') return;
    this.#handOver();
    this.#end = end;
    this.#serve();
  }

  /** Ends the exchange and drops what waits; the block that the reader has stays its own. */
  cancel(): void {
    if (this.#end !== 'open' && this.#ready.length === 0) return; // all has been read, as nearly always
    const error = new TransportError('broken', 'the rest of the body is not wanted');
    this.#source.cancel(error);
    this.drop(error);
  }

  /** Drops all that has not been handed out; the connection is closed. */
  drop(error: unknown): void {
    for (const { block } of this.#ready) if (block !== undefined) this.#give(block);
    this.#ready = [];
    if (this.#filling?.pooled === true) this.#give(this.#filling.block);
    this.#filling = undefined;
    this.#end = { error };
    this.#serve();
  }

  #serve(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    const piece = this.#ready.shift();
    if (piece === undefined && this.#end === 'open') return;
    this.#waiter = undefined;
    if (piece !== undefined) {
      this.#reading = piece.block;
      waiter.resolve({ done: false, value: piece.bytes });
    } else if (typeof this.#end === 'object') waiter.reject(this.#end.error);
    else waiter.resolve({ done: true, value: undefined });
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    this.#letGo();
    return await new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#serve();
      if (this.#waiter !== undefined) this.#source.resume();
    });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.#letGo();
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #letGo(): void {
    const block = this.#reading;
    this.#reading = undefined;
    if (block === undefined) return;
    this.#give(block);
    if (this.#end === 'open') this.#source.resume();
  }

  #give(block: Buffer): void {
    this.#blocks -= 1;
    this.#pool.give(block);
  }
}

function ownPiece(bytes: number): Piece {
  const block = Buffer.allocUnsafeSlow(Math.min(KEPT_BYTES, bytes));
  return { block, from: 0, filled: 0, pooled: false };
}
