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

/**
 * The bytes of a span in order, fetched by parallel ranges ahead of the reader, each exactly once. Chunks are the
 * caller's own. Memory: `(connections + 3) · 2 MiB`.
 * @throws all that `readSpan` throws, once every range has let go
 */
export async function* readAhead(transfer: Transfer, span: Span): AsyncGenerator<Buffer, void, undefined> {
  using pass = linkSignals([transfer.signal]);
  setMaxListeners(0, pass.signal); // one or two for each connection, taken away after each request
  const lanes = transfer.options.connections;
  const plan = planParts(span.end - span.start, AHEAD_PART_BYTES);
  const parts: Promise<Buffer>[] = [];
  let [next, active] = [0, 0];
  const fill = (): void => {
    while (next < plan.count && active < lanes && parts.length < lanes + WAITING_PARTS) {
      const { start, end } = plan.span(next);
      const wanted = { start: span.start + start, end: span.start + end };
      next += 1;
      active += 1;
      const part = readPart({ ...transfer, signal: pass.signal }, wanted).finally(() => {
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
      fill();
      yield bytes;
    }
  } finally {
    pass.abort(new Error('the rest of the stream is not wanted'));
    await Promise.allSettled(parts);
  }
}

async function readPart(transfer: Transfer, span: Span): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(span.end - span.start);
  let at = 0;
  for await (const chunk of readSpan(transfer, span, { plain: false })) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
