import { numberInRange, show } from '../../shared/options.ts';
import type { Records, RecordInfo } from '../../shared/records/index.ts';
import { keySegment } from '../payload-key.ts';
import { parseLedgerLine, type LedgerEntry } from './entry.ts';
import { mergeByOrder } from './merge.ts';
import { readAhead } from './read-ahead.ts';
import {
  dayFolder,
  HOUR_MS,
  hourFolder,
  hourOfFolder,
  LEDGER_PREFIX,
  positionOf,
  positionTimeMs,
  readSegmentKey,
  segmentTime,
} from './segment-key.ts';

/** Which part of a ledger to read. */
export interface ReadLedgerOptions {
  /** Published at this instant or later. */
  readonly from: Date;
  /** Published before this instant. */
  readonly to: Date;
  /** @default - every producer */
  readonly producer?: string | undefined;
  /** Only what stands after this position of an entry that was read before. @default - from the first */
  readonly after?: string | undefined;
  /** Segments that are read ahead, 1 to 64. @default 8 */
  readonly readAhead?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Segment {
  readonly key: string;
  readonly file: string;
  readonly producer: string;
}

const LAST_MS = Date.UTC(9999, 11, 31);

/** Ranges up to this long are listed hour by hour, longer ones by the days and hours that there are. */
const BY_HOUR_MS = 24 * HOUR_MS;

/**
 * Reads the ledger in the order of publishing, whoever published.
 *
 * An hour costs one request for its producers (none if one is given), one per thousand segments of each, and one per
 * segment. What is published while it is read may or may not be seen; an event that was published more than once
 * has more than one entry.
 *
 * @throws {RangeError|TypeError} naming the option that is wrong
 * @throws {RecordsError} when the control bucket cannot be read, or a line is damaged
 */
export async function* readLedger(
  records: Records,
  options: ReadLedgerOptions,
): AsyncGenerator<LedgerEntry, void, void> {
  const { producer, after, signal } = options;
  const toMs = instant('to', options.to);
  const fromMs = Math.max(instant('from', options.from), after === undefined ? 0 : positionTimeMs(after));
  if (producer !== undefined) keySegment('producer', producer);
  const ahead = numberInRange('readAhead', options.readAhead ?? 8, { min: 1, max: 64 });
  const segments = segmentsBetween(records, fromMs, toMs, options);
  const bodies = readAhead(segments, ahead, async (segment) => ({
    segment,
    body: (await records.get(segment.key, { signal }))?.body ?? '', // removed since it was listed
  }));
  for await (const { segment, body } of bodies) {
    for (const [index, line] of body.split('\n').entries()) {
      if (line === '') continue;
      const position = positionOf(segment, index);
      if (after !== undefined && position <= after) continue;
      yield parseLedgerLine(line, position, `${segment.key} line ${index + 1}`);
    }
  }
}

async function* segmentsBetween(
  records: Records,
  fromMs: number,
  toMs: number,
  { producer, signal }: ReadLedgerOptions,
): AsyncGenerator<Segment> {
  for await (const hour of hoursBetween(records, fromMs, toMs, signal)) {
    const folders: string[] = [];
    if (producer !== undefined) folders.push(`${hour}${producer}/`);
    else for await (const folder of records.folders(hour, { signal })) folders.push(folder);
    // Names begin with their time: a name that is a time alone stands before all segments of that millisecond.
    const lists = folders.map((folder) =>
      records.list(folder, {
        startAfter: folder + segmentTime(fromMs),
        endBefore: folder + segmentTime(toMs),
        signal,
      }),
    );
    yield* mergeByOrder(
      lists.map((list) => segmentsOf(list)),
      (a, b) => (a.file < b.file || (a.file === b.file && a.producer < b.producer) ? -1 : 1),
    );
  }
}

async function* segmentsOf(list: AsyncIterable<RecordInfo>): AsyncGenerator<Segment> {
  for await (const { key } of list) {
    const segment = readSegmentKey(key);
    if (segment !== undefined) yield { key, ...segment };
  }
}

async function* hoursBetween(
  records: Records,
  fromMs: number,
  toMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const firstHourMs = Math.floor(fromMs / HOUR_MS) * HOUR_MS;
  if (toMs - fromMs <= BY_HOUR_MS) {
    for (let ms = firstHourMs; ms < toMs; ms += HOUR_MS) yield hourFolder(ms);
    return;
  }
  // Without its slash: a listing that starts after a folder's own name leaves the folder out.
  const range = {
    startAfter: dayFolder(fromMs).slice(0, -1),
    endBefore: dayFolder(toMs + 24 * HOUR_MS),
    signal,
  };
  for await (const day of records.folders(LEDGER_PREFIX, range)) {
    for await (const hour of records.folders(day, { signal })) {
      const ms = hourOfFolder(hour);
      if (ms !== undefined && ms >= firstHourMs && ms < toMs) yield hour;
    }
  }
}

/** Years have four digits in keys, so that they sort. */
function instant(field: string, value: unknown): number {
  const ms = value instanceof Date ? value.getTime() : Number.NaN;
  if (ms >= 0 && ms <= LAST_MS) return ms;
  throw new TypeError(`${field}: got ${show(value)}, expected a Date from 1970 to 9999`);
}
