import { createHash } from 'node:crypto';
import { combineCrc32c, crc32c } from '../../shared/crc32c.ts';
import { formatDigest } from '../../shared/digest.ts';
import { UploadError } from '../../shared/errors.ts';
import { MAX_PART_BYTES, MAX_PARTS } from '../../shared/limits.ts';
import { planParts, streamPartSizeBytes, uploadPartSizeBytes } from '../../shared/part-plan.ts';
import { MAX_BUFFERED_PART_BYTES } from './options.ts';
import type { SourceReader } from './source.ts';
import type { PartBody } from './span.ts';

/**
 * Bytes read in one go, and hashed while the next are read. Smaller blocks cost more than they save: each read wakes
 * a thread of the pool (512 KiB took 0.13 s more of the event loop per GiB than 4 MiB).
 */
const BLOCK_BYTES = 4 * 1024 ** 2;

/** The same where parts are not kept: two such blocks are what is held of them. */
const SPAN_BLOCK_BYTES = 1024 ** 2;

/** A part that was read. */
export interface Part {
  /** Counted from 1. */
  readonly partNumber: number;
  readonly body: PartBody;
  /** CRC32C of the body. */
  readonly crc: number;
}

/** What is known of the bytes after the last one. */
export interface ContentSummary {
  readonly sizeBytes: number;
  /** CRC32C of the whole. */
  readonly crc: number;
  /** RFC 9530 text; undefined if nobody asked for it. */
  readonly digest: string | undefined;
}

/** How a payload is cut and hashed. */
export interface PartStreamOptions {
  /** Grows where 10,000 parts would not suffice. */
  readonly partSizeAtLeastBytes: number;
  /** Compute the SHA-256 of the whole: 0.7 s of processor time per GiB. @default true */
  readonly digest?: boolean | undefined;
  /**
   * Read parts without keeping them, for a reader with `readAt`: they are read once more when they are sent.
   * @default false
   */
  readonly spans?: boolean | undefined;
}

/** A payload cut into parts, hashed on the way. */
export interface PartStream {
  /** Size of a part numbered so, in bytes. */
  partSizeBytes(partNumber: number): number;
  /**
   * Reads the next part; undefined after the last one.
   * @throws {UploadError} if the payload is shorter or longer than it said, or changed
   */
  next(signal: AbortSignal): Promise<Part | undefined>;
  /** Gives a part's buffer back for reuse. */
  release(part: Part): void;
  /** True once the last byte was read. */
  readonly ended: boolean;
  /** Meaningful once `ended`. */
  summary(): ContentSummary;
}

/**
 * Cuts a payload into parts, in one pass, in buffers that are used again.
 * @param reader must be at its beginning
 * @throws {UploadError} if the payload is too large for parts of 1 GiB
 */
export function createPartStream(
  reader: SourceReader,
  { partSizeAtLeastBytes, digest = true, spans = false }: PartStreamOptions,
): PartStream {
  const { sizeBytes } = reader;
  const size =
    sizeBytes === undefined
      ? streamSizes(partSizeAtLeastBytes)
      : knownSizes(sizeBytes, partSizeAtLeastBytes, spans ? MAX_PART_BYTES : MAX_BUFFERED_PART_BYTES);
  const hash = digest ? createHash('sha256') : undefined;
  const free: Buffer[] = [];
  let offset = 0;
  let crc = 0;
  let partNumber = 0;
  let ended = false;

  const take = (length: number): Buffer => {
    const found = free.pop();
    if (found !== undefined && found.length >= length) return found.subarray(0, length);
    return Buffer.allocUnsafeSlow(length); // a smaller one found is dropped: parts only ever grow
  };

  /** Reads and hashes up to `length` bytes into the places that `room` gives; returns how many there were. */
  const scan = async (length: number, room: (from: number) => Buffer, signal: AbortSignal) => {
    const read = async (into: Buffer): Promise<number> => await reader.read(into, signal);
    let block = room(0);
    let scanned = 0;
    let partCrc = 0;
    for (let count = length > 0 ? await read(block) : 0; count > 0;) {
      const bytes = block.subarray(0, count);
      scanned += count;
      block = scanned < length ? room(scanned) : Buffer.alloc(0);
      const reading = scanned < length ? read(block) : 0; // the next block comes while this one is hashed
      hash?.update(bytes);
      partCrc = crc32c(bytes, partCrc);
      count = await reading;
    }
    return { scanned, crc: partCrc };
  };

  const hold = async (length: number, signal: AbortSignal): Promise<Part> => {
    const body = take(length);
    const found = await scan(length, (from) => body.subarray(from, from + BLOCK_BYTES), signal);
    return { partNumber: partNumber + 1, body: body.subarray(0, found.scanned), crc: found.crc };
  };

  const scratch: Buffer[] = [];
  const pass = async (length: number, signal: AbortSignal): Promise<Part> => {
    const start = offset;
    let turn = 0;
    const room = (from: number): Buffer => {
      turn = 1 - turn;
      scratch[turn] ??= Buffer.allocUnsafeSlow(SPAN_BLOCK_BYTES);
      return scratch[turn]?.subarray(0, length - from) ?? Buffer.alloc(0);
    };
    const found = await scan(length, room, signal);
    const body = {
      length: found.scanned,
      read: async (from: number, into: Buffer) => (await reader.readAt?.(start + from, into)) ?? 0,
      verify: async () => await reader.verify(),
    };
    return { partNumber: partNumber + 1, body, crc: found.crc };
  };

  const finish = async (signal: AbortSignal): Promise<void> => {
    ended = true;
    if (sizeBytes !== undefined) {
      const more = await reader.read(Buffer.allocUnsafe(1), signal);
      await reader.verify(); // a file that grew says so itself, and better
      if (more > 0) throw wrongSize(sizeBytes, 'more');
    }
  };

  return {
    partSizeBytes: (number) => size(number),
    async next(signal) {
      if (ended) return undefined;
      if (partNumber === MAX_PARTS) {
        if ((await reader.read(Buffer.allocUnsafe(1), signal)) > 0)
          throw tooLarge(`more than ${offset} bytes`);
        ended = true;
        return undefined;
      }
      const wanted = size(partNumber + 1);
      const part = spans ? await pass(wanted, signal) : await hold(wanted, signal);
      const { length } = part.body;
      if (length < wanted && sizeBytes !== undefined) {
        await reader.verify(); // a file that shrank, likewise
        throw wrongSize(sizeBytes, offset + length);
      }
      crc = combineCrc32c(crc, part.crc, length);
      offset += length;
      partNumber += 1;
      if (length < wanted || offset === sizeBytes) await finish(signal);
      return length === 0 && partNumber > 1 ? undefined : part;
    },
    release: ({ body }) => {
      if (!Buffer.isBuffer(body)) return;
      // The whole buffer, not the view of a short last part.
      free.push(Buffer.from(body.buffer, 0, body.buffer.byteLength));
    },
    get ended() {
      return ended;
    },
    summary: () => ({ sizeBytes: offset, crc, digest: hash && formatDigest(hash.copy().digest()) }),
  };
}

type Sizes = (partNumber: number) => number;

function knownSizes(sizeBytes: number, atLeastBytes: number, atMostBytes: number): Sizes {
  const partSizeBytes = uploadPartSizeBytes(sizeBytes, atLeastBytes);
  if (partSizeBytes > atMostBytes) throw tooLarge(`${sizeBytes} bytes`, atMostBytes);
  const plan = planParts(sizeBytes, partSizeBytes);
  return (partNumber) => {
    if (plan.count === 0) return 0;
    const { start, end } = plan.span(partNumber - 1);
    return end - start;
  };
}

function streamSizes(atLeastBytes: number): Sizes {
  return (partNumber) => Math.min(streamPartSizeBytes(partNumber, atLeastBytes), MAX_BUFFERED_PART_BYTES);
}

function tooLarge(what: string, atMostBytes = MAX_BUFFERED_PART_BYTES): UploadError {
  return new UploadError(`${what} are too large for ${MAX_PARTS} parts of at most ${atMostBytes} bytes`);
}

function wrongSize(declared: number, got: number | 'more'): UploadError {
  return new UploadError(`the payload was declared as ${declared} bytes, but it holds ${got}`, {
    details: { declaredBytes: declared },
  });
}
