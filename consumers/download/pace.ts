import type { Clock } from '../../shared/clock.ts';
import { TransportError } from './transport.ts';

/** Waiting time over which the pace is taken, in milliseconds. */
const WINDOW_MS = 10_000;

/** Passes the chunks of a body on, and fails when they come slower than allowed. Time that the reader takes is not counted. */
export async function* atLeast<Chunk extends { readonly length: number }>(
  minBytesPerSecond: number,
  body: AsyncIterable<Chunk>,
  clock: Pick<Clock, 'monotonicMs'>,
): AsyncGenerator<Chunk, void, undefined> {
  let [bytes, waitedMs] = [0, 0];
  let askedMs = clock.monotonicMs();
  for await (const chunk of body) {
    bytes += chunk.length;
    waitedMs += clock.monotonicMs() - askedMs;
    yield chunk;
    if (waitedMs >= WINDOW_MS) {
      const pace = Math.floor((bytes / waitedMs) * 1_000);
      if (pace < minBytesPerSecond) {
        throw new TransportError('stall', `${pace} bytes/s, expected at least ${minBytesPerSecond}`);
      }
      [bytes, waitedMs] = [0, 0];
    }
    askedMs = clock.monotonicMs();
  }
}
