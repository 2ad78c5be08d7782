import type { Clock } from '../../shared/clock.ts';
import { RecordsError } from '../../shared/errors.ts';
import { serialiseForRecord } from '../../shared/events/index.ts';
import { MAX_PUT_EVENTS_ENTRIES } from '../../shared/limits.ts';
import type { Records } from '../../shared/records/index.ts';
import { createBatcher } from '../batcher.ts';
import { ledgerLine, type NewLedgerEntry } from './entry.ts';
import { segmentKey } from './segment-key.ts';

/** Segments under way at a time. */
const MAX_UNDER_WAY = 4;
/** Most bytes of a segment, unless one entry alone is larger. */
const MAX_SEGMENT_BYTES = 4 * 1024 ** 2;

/** Writes down what was published. */
export interface Ledger {
  /**
   * Writes an entry; what comes within a few milliseconds shares a segment.
   * @returns the key of the segment
   * @throws {RecordsError}
   */
  add(entry: NewLedgerEntry): Promise<string>;
}

/** Makes the ledger of one producer. */
export function createLedger(
  records: Records,
  { producer, clock }: { readonly producer: string; readonly clock: Pick<Clock, 'nowMs'> },
): Ledger {
  const bounds = {
    maxItems: MAX_PUT_EVENTS_ENTRIES,
    maxBytes: MAX_SEGMENT_BYTES,
    maxUnderWay: MAX_UNDER_WAY,
  };
  const add = createBatcher(bounds, async (entries: readonly NewLedgerEntry[]) => {
    const nowMs = clock.nowMs();
    const publishedAt = new Date(nowMs).toISOString();
    const key = segmentKey(producer, nowMs);
    const lines = entries.map((entry) => `${ledgerLine({ ...entry, publishedAt, producer })}\n`);
    const { outcome } = await records.create(key, lines.join(''));
    if (outcome === 'exists') throw new RecordsError(`${key} is taken: two random tokens were the same`);
    return key;
  });
  return { add: async (entry) => await add(entry, Buffer.byteLength(serialiseForRecord(entry.event))) };
}
