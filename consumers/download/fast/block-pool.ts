import { numberInRange } from '../../../shared/options.ts';

/** Block size at which writing to a file was fastest in measurements: it fits a core's second cache. */
export const BLOCK_BYTES = 512 * 1024;

/** How much memory bodies may take. */
export interface BlockPoolOptions {
  /** Bytes lent before a connection must make do with a single block. @default 16_777_216 */
  readonly maxBytes?: number;
  /** Bytes of one block; half of that once half of `maxBytes` are lent. From 64 KiB to 4 MiB. @default 524_288 */
  readonly blockBytes?: number;
}

/**
 * Blocks of memory that bodies are read into, lent and given back: one pool serves all downloads of a process.
 *
 * At most `maxBytes` are lent, and `blockBytes / 2` more for each connection with a body that finds all of it lent: the
 * first block of a connection is always granted, so one whose reader has stopped reading can starve nobody. Few
 * connections get whole blocks, many get halves. Memory: blocks that come back are kept for the next, so that is what was
 * lent at most at a time, and half of `maxBytes` more if few and many took turns.
 */
export interface BlockPool {
  readonly blockBytes: number;
  /** Blocks that are lent now. */
  readonly lentBlocks: number;
  /** Bytes taken from the system, lent or not. */
  readonly heldBytes: number;
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
  const halfBytes = blockBytes / 2;
  const [wholes, halves]: [Buffer[], Buffer[]] = [[], []];
  let [lent, lentBytes, heldBytes] = [0, 0, 0];
  const make = (bytes: number): Buffer => {
    heldBytes += bytes;
    return Buffer.allocUnsafeSlow(bytes);
  };
  return {
    blockBytes,
    get lentBlocks() {
      return lent;
    },
    get heldBytes() {
      return heldBytes;
    },
    take(always) {
      const bytes = lentBytes + blockBytes <= maxBytes / 2 ? blockBytes : halfBytes;
      if (!always && lentBytes + bytes > maxBytes) return undefined;
      const block = (bytes === blockBytes ? wholes : halves).pop() ?? make(bytes);
      lent += 1;
      lentBytes += bytes;
      return block;
    },
    give(block) {
      lent -= 1;
      lentBytes -= block.length;
      (block.length === blockBytes ? wholes : halves).push(block);
    },
  };
}

let shared: BlockPool | undefined;

/** The pool of all transports that are not given another. */
export function sharedBlockPool(): BlockPool {
  shared ??= createBlockPool();
  return shared;
}
