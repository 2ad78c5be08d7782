import { setMaxListeners } from 'node:events';
import { linkSignals } from '../../shared/cancellation.ts';
import type { Span } from '../../shared/part-plan.ts';
import { planParts } from '../../shared/part-plan.ts';
import { readSpan } from './read-span.ts';
import type { Transfer } from './transfer.ts';

/** Bytes of one range. Small, as whole ranges wait in memory for their turn; larger ones were no faster. */
export const AHEAD_PART_BYTES = 2 * 1024 ** 2;

/** Whole ranges that may wait while others are under way. */
const WAITING_PARTS = 2;

/** Bytes that are handed out at a time. */
const CHUNK_BYTES = 256 * 1024;

/**
 * The bytes of a span in order, fetched by parallel ranges ahead of the reader, each exactly once. Ranges are
 * read straight into memory that is used again, chunks are copies and the caller's own: had the caller the ranges
 * themselves, each would live long enough for the collector to take it for old, and three times the memory were held.
 * Memory: `(connections + 3) · 2 MiB`.
 * @throws all that `readSpan` throws, once every range has let go
 */
export async function* readAhead(transfer: Transfer, span: Span): AsyncGenerator<Buffer, void, undefined> {
  using pass = linkSignals([transfer.signal]);
  setMaxListeners(0, pass.signal); // one or two for each connection, taken away after each request
  const lanes = transfer.options.connections;
  const plan = planParts(span.end - span.start, AHEAD_PART_BYTES);
  const parts: Promise<Buffer>[] = [];
  const free: Buffer[] = [];
  let [next, active] = [0, 0];
  const fill = (): void => {
    while (next < plan.count && active < lanes && parts.length < lanes + WAITING_PARTS) {
      const { start, end } = plan.span(next);
      const wanted = { start: span.start + start, end: span.start + end };
      next += 1;
      active += 1;
      const memory = free.pop() ?? Buffer.allocUnsafeSlow(AHEAD_PART_BYTES);
      const part = readPart({ ...transfer, signal: pass.signal }, wanted, memory).finally(() => {
        active -= 1;
        if (!pass.signal.aborted) fill();
      });
      part.catch(() => {}); // it is awaited in its turn
      parts.push(part);
    }
  };
  try {
    fill();
    for (let first = parts[0]; first !== undefined; first = parts[0]) {
      const bytes = await first;
      void parts.shift();
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        yield Buffer.from(bytes.subarray(at, at + CHUNK_BYTES));
      }
      free.push(Buffer.from(bytes.buffer));
      fill();
    }
  } finally {
    pass.abort(new Error('the rest of the stream is not wanted'));
    await Promise.allSettled(parts);
  }
}

/** Reads a span into `memory`, which is as long or longer. */
async function readPart(transfer: Transfer, span: Span, memory: Buffer): Promise<Buffer> {
  const bytes = memory.subarray(0, span.end - span.start);
  let at = 0;
  const into = (): Buffer => bytes.subarray(at);
  for await (const chunk of readSpan(transfer, span, { plain: false, into })) {
    if (chunk.buffer !== bytes.buffer) bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
