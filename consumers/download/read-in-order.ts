import { createHash } from 'node:crypto';
import { crc32c } from '../../shared/crc32c.ts';
import { formatDigest } from '../../shared/digest.ts';
import type { Span } from '../../shared/part-plan.ts';
import { readAhead } from './read-ahead.ts';
import { readSpan } from './read-span.ts';
import type { Interruption } from './recovery.ts';
import type { DownloadResult } from './result.ts';
import type { Transfer } from './transfer.ts';
import { checkSums, toResult } from './verify.ts';

/** What an earlier request for the whole has brought, and why it ended. */
export interface Begun {
  readonly bytes: Buffer;
  readonly interruption: Interruption;
}

/**
 * All bytes in order, verified at the end: the last chunk has been handed out by then, and what follows is either the
 * end or an error. Small objects come over one connection, others by parallel ranges (read-ahead.ts). Chunks are the
 * caller's own.
 * Memory: one chunk, or what read-ahead.ts says.
 *
 * @param onResult told the result just before the end
 * @param onWrongRange asked when the store sends other bytes than asked for; goes on from the byte reached if it
 * returns, and must throw otherwise
 * @param begun where to go on from; its bytes are handed out first, and have been counted
 * @throws {RestartNeeded} when the bytes are not the right ones
 */
export async function* readInOrder(
  transfer: Transfer,
  onResult: (result: DownloadResult) => void,
  onWrongRange: (error: unknown) => void,
  begun?: Begun,
): AsyncGenerator<Buffer, void, undefined> {
  const { identity, options, meter } = transfer;
  const hash = options.verify.sha256 ? createHash('sha256') : undefined;
  let [at, crc, complete] = [0, 0, false];
  const took = (chunk: Buffer): Buffer => {
    hash?.update(chunk);
    crc = crc32c(chunk, crc);
    at += chunk.length;
    return chunk;
  };
  if (begun === undefined) meter.emit({ kind: 'started', sizeBytes: identity.sizeBytes });
  else if (begun.bytes.length > 0) yield took(begun.bytes);
  let after = begun?.interruption;
  while (!complete) {
    try {
      const from = chunksFrom(transfer, at, after);
      after = undefined;
      for await (const chunk of from) yield took(chunk);
      complete = true;
    } catch (error) {
      onWrongRange(error);
    }
  }
  meter.emit({ kind: 'verifying' });
  const sums = { digest: hash === undefined ? undefined : formatDigest(hash.digest()), crc32c: crc };
  onResult(toResult(transfer, sums, checkSums(transfer, sums)));
}

/** What is left from byte `at` on. */
function chunksFrom(transfer: Transfer, at: number, after?: Interruption): AsyncIterable<Buffer> {
  const { identity, options } = transfer;
  const span = { start: at, end: identity.sizeBytes };
  const parallel = options.connections > 1 && identity.sizeBytes >= options.singleGetBelowBytes;
  return parallel && at < span.end ? readAhead(transfer, span) : readAlone(transfer, span, after);
}

async function* readAlone(
  transfer: Transfer,
  span: Span,
  after: Interruption | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = readSpan(transfer, span, { plain: span.start === 0, after, keep: true });
  for await (const { buffer, byteOffset, length } of chunks) yield Buffer.from(buffer, byteOffset, length);
}
