import { setMaxListeners } from 'node:events';
import { linkSignals } from '../../shared/cancellation.ts';
import type { Span } from '../../shared/part-plan.ts';
import { Lanes } from './lanes.ts';
import { RangeAhead } from './range-ahead.ts';
import { readSpan } from './read-span.ts';
import type { Transfer } from './transfer.ts';

/** Bytes of one range. Small, as ranges wait in memory for their turn; larger ones were no faster. */
export const AHEAD_PART_BYTES = 2 * 1024 ** 2;

/** Bytes of one range where there is one at a time, which waits for nobody: asking again and again costs more there. */
const LONE_PART_BYTES = 16 * 1024 ** 2;

/** Whole ranges that may wait while others are under way. */
const WAITING_PARTS = 2;

/**
 * The bytes of a span in order, fetched by parallel ranges ahead of the reader, each exactly once. Chunks are the
 * caller's own: sockets read into memory that is handed out, never copied, and never used again. As many connections
 * are used as the thread has time for (lanes.ts), for what waits in memory lives long enough for the collector to take
 * it for old.
 * Memory: `(connections + 3) · 2 MiB`, and what the collector has not yet taken of what was handed out.
 * @throws all that `readSpan` throws, once every range has let go
 */
export async function* readAhead(transfer: Transfer, span: Span): AsyncGenerator<Buffer, void, undefined> {
  using pass = linkSignals([transfer.signal]);
  setMaxListeners(0, pass.signal); // one or two for each connection, taken away after each request
  const lanes = new Lanes(transfer.options.connections);
  const parts: RangeAhead[] = [];
  let [next, active] = [span.start, 0];
  const fill = (): void => {
    while (next < span.end && active < lanes.count && parts.length < lanes.count + WAITING_PARTS) {
      const bytes = lanes.count === 1 ? LONE_PART_BYTES : AHEAD_PART_BYTES;
      const wanted = { start: next, end: Math.min(span.end, next + bytes) };
      next = wanted.end;
      active += 1;
      const chunks = readSpan({ ...transfer, signal: pass.signal }, wanted, { plain: false, keep: true });
      const part = new RangeAhead(chunks, AHEAD_PART_BYTES, () => {
        active -= 1;
        lanes.came(wanted.end - wanted.start);
        if (!pass.signal.aborted) fill();
      });
      parts.push(part);
    }
  };
  try {
    fill();
    for (let first = parts[0]; first !== undefined; first = parts[0]) {
      yield* first.chunks();
      void parts.shift();
      fill();
    }
  } finally {
    pass.abort(new Error('the rest of the stream is not wanted'));
    await Promise.all(parts.map(async (part) => await part.letGo()));
  }
}
