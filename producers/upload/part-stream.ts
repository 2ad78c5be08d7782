import { createHash } from 'node:crypto';
import { combineCrc32c, crc32c } from '../../shared/crc32c.ts';
import { formatDigest } from '../../shared/digest.ts';
import { UploadError } from '../../shared/errors.ts';
import { MAX_PARTS } from '../../shared/limits.ts';
import { planParts, streamPartSizeBytes, uploadPartSizeBytes } from '../../shared/part-plan.ts';
import { MAX_BUFFERED_PART_BYTES } from './options.ts';
import type { SourceReader } from './source.ts';

/** Bytes read and hashed in one go: small enough that SHA-256 and CRC32C find them in the processor's cache. */
const BLOCK_BYTES = 512 * 1024;

/** A part in memory. */
export interface Part {
  /** Counted from 1. */
  readonly partNumber: number;
  readonly body: Buffer;
  /** CRC32C of the body. */
  readonly crc: number;
}

/** What is known of the bytes after the last one. */
export interface ContentSummary {
  readonly sizeBytes: number;
  /** CRC32C of the whole. */
  readonly crc: number;
  /** RFC 9530 text. */
  readonly digest: string;
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
 * @param partSizeAtLeastBytes grows where 10,000 parts would not suffice
 * @throws {UploadError} if the payload is too large for parts of 1 GiB
 */
export function createPartStream(reader: SourceReader, partSizeAtLeastBytes: number): PartStream {
  const { sizeBytes } = reader;
  const size =
    sizeBytes === undefined ? streamSizes(partSizeAtLeastBytes) : knownSizes(sizeBytes, partSizeAtLeastBytes);
  const hash = createHash('sha256');
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

  const fill = async (body: Buffer, signal: AbortSignal): Promise<Part> => {
    let filled = 0;
    let partCrc = 0;
    while (filled < body.length) {
      const block = body.subarray(filled, filled + BLOCK_BYTES);
      const count = await reader.read(block, signal);
      if (count === 0) break;
      const bytes = block.subarray(0, count);
      hash.update(bytes);
      partCrc = crc32c(bytes, partCrc);
      filled += count;
    }
    return { partNumber: partNumber + 1, body: body.subarray(0, filled), crc: partCrc };
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
      const part = await fill(take(wanted), signal);
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
      // The whole buffer, not the view of a short last part.
      free.push(Buffer.from(body.buffer, 0, body.buffer.byteLength));
    },
    get ended() {
      return ended;
    },
    summary: () => ({ sizeBytes: offset, crc, digest: formatDigest(hash.copy().digest()) }),
  };
}

type Sizes = (partNumber: number) => number;

function knownSizes(sizeBytes: number, atLeastBytes: number): Sizes {
  const partSizeBytes = uploadPartSizeBytes(sizeBytes, atLeastBytes);
  if (partSizeBytes > MAX_BUFFERED_PART_BYTES) throw tooLarge(`${sizeBytes} bytes`);
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

function tooLarge(what: string): UploadError {
  return new UploadError(
    `${what} are too large for ${MAX_PARTS} parts of at most ${MAX_BUFFERED_PART_BYTES} bytes`,
  );
}

function wrongSize(declared: number, got: number | 'more'): UploadError {
  return new UploadError(`the payload was declared as ${declared} bytes, but it holds ${got}`, {
    details: { declaredBytes: declared },
  });
}
