import { isRecord, parseJson } from '../wire.ts';
import type { Input } from './input.ts';

/**
 * Largest PutEvents request, in bytes: the entries together must be smaller.
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
export const MAX_PUT_EVENTS_BYTES = 1_048_576;

/** An entry that is an event. */
export interface ReadEntry {
  readonly ok: true;
  readonly source: string;
  readonly detailType: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly detailBytes: number;
  readonly resources: readonly string[];
  /** As given; epoch milliseconds. @default - none given */
  readonly timeMs?: number;
  readonly bus: unknown;
}

/** An entry that is refused, as PutEvents answers it. */
export interface RefusedEntry {
  readonly ok: false;
  readonly ErrorCode: string;
  readonly ErrorMessage: string;
}

/**
 * The size of an entry as EventBridge counts it, in bytes.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-calculate-event-size
 */
export function entryBytes(entry: Input): number {
  const resources: readonly unknown[] = Array.isArray(entry['Resources']) ? entry['Resources'] : [];
  const texts = [entry['Source'], entry['DetailType'], entry['Detail'], ...resources];
  const time = entry['Time'] === undefined ? 0 : 14;
  return texts.reduce<number>(
    (sum, text) => sum + (typeof text === 'string' ? Buffer.byteLength(text) : 0),
    time,
  );
}

/**
 * Reads one entry.
 * @param trusted lets sources that begin with `aws.` pass; only the stack's own services are.
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
 */
export function readEntry(entry: Input, trusted: boolean = false): ReadEntry | RefusedEntry {
  const {
    Source: source,
    DetailType: detailType,
    Detail: text,
    Time: time,
    Resources: resources = [],
  } = entry;
  if (typeof source !== 'string' || source === '') return missing('Source');
  if (typeof detailType !== 'string' || detailType === '') return missing('DetailType');
  if (typeof text !== 'string' || text === '') return missing('Detail');
  if (detailType.length > 128) return invalid('DetailType', 'DetailType must be at most 128 characters long');
  if (source.length > 256) return invalid('Source', 'Source must be at most 256 characters long');
  if (!trusted && source.startsWith('aws.'))
    return refused('NotAuthorizedForSourceException', 'Not authorized for the source.');
  if (!Array.isArray(resources) || resources.some((arn) => typeof arn !== 'string'))
    return invalid('Resources', 'Resources must be a list of strings');
  const timeMs = time === undefined ? undefined : readTime(time);
  if (Number.isNaN(timeMs)) return invalid('Time', 'Time must be a time stamp');
  const detail = parseDetail(text);
  if (detail === undefined) return refused('MalformedDetail', 'Detail is malformed.');
  return {
    ok: true,
    source,
    detailType,
    detail,
    detailBytes: Buffer.byteLength(text),
    resources: resources as string[],
    bus: entry['EventBusName'],
    ...(timeMs === undefined ? {} : { timeMs }),
  };
}

/** Epoch milliseconds, or NaN: JSON 1.1 sends time stamps as epoch seconds; some clients send RFC 3339 text. */
export function readTime(time: unknown): number {
  const timeMs = typeof time === 'number' ? time * 1_000 : Date.parse(String(time));
  return Number.isNaN(new Date(timeMs).getTime()) ? Number.NaN : timeMs;
}

function parseDetail(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseJson(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function missing(field: string): RefusedEntry {
  return invalid(field, `${field} is a required argument`);
}

function invalid(field: string, reason: string): RefusedEntry {
  return refused('InvalidArgument', `Parameter ${field} is not valid. Reason: ${reason}.`);
}

function refused(ErrorCode: string, ErrorMessage: string): RefusedEntry {
  return { ok: false, ErrorCode, ErrorMessage };
}
