import { randomBytes } from 'node:crypto';
import { keySegment } from '../payload-key.ts';

/** Prefix of the ledger in the control bucket. */
export const LEDGER_PREFIX = 'ledger/';

export const HOUR_MS = 3_600_000;

/** The folder of one hour, UTC: `ledger/2026-11-01/13/`. */
export function hourFolder(ms: number): string {
  const iso = new Date(ms).toISOString();
  return `${LEDGER_PREFIX}${iso.slice(0, 10)}/${iso.slice(11, 13)}/`;
}

/** The folder of one day, UTC: `ledger/2026-11-01/`. */
export function dayFolder(ms: number): string {
  return `${LEDGER_PREFIX}${new Date(ms).toISOString().slice(0, 10)}/`;
}

/** The instant at which the hour of a folder begins, epoch milliseconds; undefined for any other folder. */
export function hourOfFolder(folder: string): number | undefined {
  const match = /^ledger\/(\d{4}-\d\d-\d\d)\/(\d\d)\/$/.exec(folder);
  if (match === null) return undefined;
  const ms = Date.parse(`${match[1]}T${match[2]}:00:00.000Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** An instant as segment names begin, so that they sort by time: `20261101T130512345Z`. */
export function segmentTime(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:.]/g, '');
}

/** The key of a new segment: `ledger/2026-11-01/13/<producer>/20261101T130512345Z-<token>.ndjson`. */
export function segmentKey(producer: string, ms: number): string {
  const token = randomBytes(6).toString('hex');
  return `${hourFolder(ms)}${keySegment('producer', producer)}/${segmentTime(ms)}-${token}.ndjson`;
}

/** What a segment's key says; undefined for keys of any other kind. */
export function readSegmentKey(
  key: string,
): { readonly producer: string; readonly file: string } | undefined {
  const match = /^ledger\/[\d-]{10}\/\d\d\/([^/]+)\/(\d{8}T\d{9}Z-[0-9a-f]{12})\.ndjson$/.exec(key);
  const [, producer, file] = match ?? [];
  return producer === undefined || file === undefined ? undefined : { producer, file };
}

/** Where an entry stands in the order of the whole ledger: by time, then segment, producer and line. */
export function positionOf(
  segment: { readonly producer: string; readonly file: string },
  line: number,
): string {
  return `${segment.file}/${segment.producer}/${String(line).padStart(6, '0')}`;
}

/**
 * When the segment of a position was written, epoch milliseconds.
 * @throws {TypeError} for what is no position
 */
export function positionTimeMs(position: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-[0-9a-f]{12}\/[^/]+\/\d{6}$/.exec(position);
  if (match === null)
    throw new TypeError(`after: got ${JSON.stringify(position)}, expected a ledger position`);
  const [, year, month, day, hour, minute, second, ms] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
}
