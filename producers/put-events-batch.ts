import { MAX_PUT_EVENTS_ENTRIES } from '../shared/limits.ts';

/**
 * Most bytes put into one PutEvents call. All entries together must stay below 1 MB; the rest is headroom for what
 * a server counts differently.
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
export const BATCH_BYTES = 900_000;

/** What the batcher must know of a waiting entry. */
export interface Batchable {
  /** As EventBridge counts them. */
  readonly bytes: number;
  /** Goes alone, so that a call that it spoils spoils nothing else. */
  readonly alone: boolean;
}

/**
 * Takes the next batch from the front of a queue: at most 10 entries and 900 KB, at least one entry.
 */
export function takeBatch<Entry extends Batchable>(queue: Entry[]): Entry[] {
  let bytes = 0;
  let count = 0;
  for (const entry of queue) {
    if (count > 0 && (entry.alone || bytes + entry.bytes > BATCH_BYTES)) break;
    bytes += entry.bytes;
    count += 1;
    if (entry.alone || count === MAX_PUT_EVENTS_ENTRIES) break;
  }
  return queue.splice(0, count);
}
