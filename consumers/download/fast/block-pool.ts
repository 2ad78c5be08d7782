import { numberInRange } from '../../../shared/options.ts';

/** Block size at which writing to a file was fastest in measurements: it fits a core's second cache. */
export const BLOCK_BYTES = 512 * 1024;

/** How much memory bodies may take. */
export interface BlockPoolOptions {
  /** Bytes lent before a connection must make do with a single block. @default 16_777_216 */
  readonly maxBytes?: number;
  /** Bytes of one block. From 64 KiB to 4 MiB. @default 524_288 */
  readonly blockBytes?: number;
}

/**
 * Blocks of memory that bodies are read into, lent and given back: one pool serves all downloads of a process.
 *
 * Memory: at most `max(maxBytes, connections with a body · blockBytes)`. The first block of a connection is always
 * granted, so one whose reader has stopped reading can starve nobody; further ones only within `maxBytes`.
 */
export interface BlockPool {
  readonly blockBytes: number;
  /** Blocks that are lent now. */
  readonly lentBlocks: number;
  /** A block, its content undefined; undefined if `maxBytes` are lent and `always` is false. */
  take(always: boolean): Buffer | undefined;
  /** Gives a block back; it must not be touched after. */
  give(block: Buffer): void;
}

/** Makes a pool; it takes memory only when asked for. @throws {RangeError} for bad options */
export function createBlockPool(options: BlockPoolOptions = {}): BlockPool {
  const blockBytes = numberInRange('blockBytes', options.blockBytes ?? BLOCK_BYTES, {
    min: 64 * 1024,
    max: 4 * 1024 ** 2,
    unit: 'bytes',
  });
  const maxBytes = numberInRange('maxBytes', options.maxBytes ?? 16 * 1024 ** 2, {
    min: blockBytes,
    max: Number.MAX_SAFE_INTEGER,
    unit: 'bytes',
  });
  const maxBlocks = Math.floor(maxBytes / blockBytes);
  const free: Buffer[] = [];
  let lent = 0;
  return {
    blockBytes,
    get lentBlocks() {
      return lent;
    },
    take(always) {
      if (lent >= maxBlocks && !always) return undefined;
      lent += 1;
      return free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
    },
    give(block) {
      lent -= 1;
      if (lent + free.length < maxBlocks) free.push(block);
    },
  };
}

let shared: BlockPool | undefined;

/** The pool of all transports that are not given another. */
export function sharedBlockPool(): BlockPool {
  shared ??= createBlockPool();
  return shared;
}
