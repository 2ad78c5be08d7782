import type { Secret } from '../../shared/secret.ts';

/** An event whose bytes are safe and that is about to be put on the bus. */
export interface OutboxItem {
  /** The event's id; an outbox holds at most one item of an id. */
  readonly eventId: string;
  /** JSON text, without line feeds. Holds claim checks: `reveal()` it only to store it. */
  readonly text: Secret;
}

/**
 * Where events wait between upload and bus. The default is the control bucket; give one over your own database to
 * have the event in the same transaction as your data.
 *
 * What is added stays until it is removed, also when the process dies: a sweeper publishes what `pending` yields.
 */
export interface OutboxStore {
  /** Keeps an item; one with the same id takes its place. It is safe once this resolves. */
  add(item: OutboxItem): Promise<void>;
  /** Lets an item go: it is on the bus and in the ledger. One that is not there is no error. */
  remove(eventId: string): Promise<void>;
  /**
   * Items that have waited at least `ageMs`, the oldest first. Whoever gets an item should be the only one for a while:
   * two sweepers at once do no harm, since the id stays the same, but double work.
   */
  pending(options: {
    readonly ageMs: number;
    readonly signal?: AbortSignal | undefined;
  }): AsyncIterable<OutboxItem>;
}
