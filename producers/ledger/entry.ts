import { z } from 'zod';
import { EventParseError, RecordsError } from '../../shared/errors.ts';
import {
  checkAgainst,
  eventSchema,
  serialiseForRecord,
  type WaybillEvent,
} from '../../shared/events/index.ts';
import { parseJson } from '../../shared/events/parse.ts';

/** What every line of a ledger segment says it is. Readers refuse other versions. */
export const LEDGER_FORMAT = 'waybill-ledger/1';

/** Largest line that is read, in bytes: an event of 1 MB, and room. */
const MAX_LINE_BYTES = 2 * 1024 ** 2;

const lineSchema = z.looseObject({
  format: z.literal(LEDGER_FORMAT),
  publishedAt: z.iso.datetime(),
  eventBridgeId: z.string().min(1),
  bus: z.string().min(1),
  producer: z.string().min(1),
  event: eventSchema,
});

/** An event that a bus has taken. */
export interface LedgerEntry {
  /** When the bus had taken it, ISO, UTC; it stands under that hour. */
  readonly publishedAt: string;
  /** EventBridge's own id for it. */
  readonly eventBridgeId: string;
  /** Name or ARN of the bus. */
  readonly bus: string;
  readonly producer: string;
  /** As it was published, without URLs. */
  readonly event: WaybillEvent;
  /** Its place in the order of the ledger; a text that compares. See `ReadLedgerOptions.after`. */
  readonly position: string;
}

/** An entry as it is written: its time is the segment's. */
export type NewLedgerEntry = Omit<LedgerEntry, 'position' | 'publishedAt' | 'producer'>;

/** One line, without its line feed. Holds claim checks: it goes into the control bucket only. */
export function ledgerLine(entry: Omit<LedgerEntry, 'position'>): string {
  const { publishedAt, eventBridgeId, bus, producer, event } = entry;
  const head = JSON.stringify({ format: LEDGER_FORMAT, publishedAt, eventBridgeId, bus, producer });
  return `${head.slice(0, -1)},"event":${serialiseForRecord(event)}}`;
}

/**
 * Reads one line.
 * @param where names the line in errors
 * @throws {RecordsError} if it is damaged, or of a version that this program does not know
 */
export function parseLedgerLine(line: string, position: string, where: string): LedgerEntry {
  try {
    const parsed = checkAgainst(lineSchema, parseJson(line, MAX_LINE_BYTES));
    const { publishedAt, eventBridgeId, bus, producer, event } = parsed;
    return { publishedAt, eventBridgeId, bus, producer, event, position };
  } catch (error) {
    if (!(error instanceof EventParseError)) throw error;
    throw new RecordsError(`${where} is no ledger entry: ${error.message}`, { cause: error });
  }
}
