import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { EventParseError } from '../../shared/errors.ts';
import { parseEvent, type WaybillEvent } from '../../shared/events/index.ts';
import { isRecord, parseJson } from '../../shared/json.ts';
import type { Records } from '../../shared/records/index.ts';
import type { DeadLetterFilter, DeadLetterQueue } from '../dlq/index.ts';
import { readLedger } from '../ledger/index.ts';
import { positionTimeMs } from '../ledger/segment-key.ts';
import type { ReplayEntry, ReplaySource } from './types.ts';

/** Largest file of one JSON document, in bytes; NDJSON may be of any size. */
const MAX_DOCUMENT_BYTES = 64 * 1024 ** 2;

/** An event as EventBridge would deliver it, for patterns. */
function envelopeOf(event: WaybillEvent, id: string): Readonly<Record<string, unknown>> {
  const { type, source, time } = event;
  return { version: '0', id, 'detail-type': type, source, time, resources: [], detail: event };
}

/** What was published in a span of time, in the order of the ledger; can be resumed. */
export function eventsFromLedger(
  records: Records,
  range: { readonly from: Date; readonly to: Date; readonly producer?: string },
): ReplaySource {
  const { from, to, producer } = range;
  return {
    description: {
      kind: 'ledger',
      from: from.toISOString(),
      to: to.toISOString(),
      ...(producer === undefined ? {} : { producer }),
    },
    resumable: true,
    async *entries({ after, signal }) {
      for await (const { event, eventBridgeId, position } of readLedger(records, { ...range, after, signal }))
        yield { event, position, envelope: envelopeOf(event, eventBridgeId) };
    },
    fraction: (position) =>
      (positionTimeMs(position) - from.getTime()) / Math.max(1, to.getTime() - from.getTime()),
  };
}

/**
 * The events of a dead-letter queue; what is no event is passed over. Messages stay there, unless `remove` takes each
 * away once the bus has its event. It cannot be resumed: run it again.
 */
export function eventsFromDeadLetters(
  queue: DeadLetterQueue,
  options: {
    readonly remove?: boolean;
    readonly filter?: DeadLetterFilter;
    readonly maxMessages?: number;
  } = {},
): ReplaySource {
  const { remove = false, ...walk } = options;
  const letters = new Map<ReplayEntry, () => Promise<void>>();
  return {
    description: { kind: 'dlq' },
    resumable: false,
    async *entries({ signal }) {
      const walking = queue.walk({ ...walk, ...(signal === undefined ? {} : { signal }) });
      for await (const letter of walking) {
        const { event, envelope, failure, rejection } = letter;
        if (event === undefined) continue;
        const entry = { event, envelope, failure, rejection };
        if (remove) {
          walking.hold(letter); // the walk may be over before the bus has the last of them
          letters.set(entry, async () => await walking.remove(letter));
        }
        yield entry;
      }
    },
    taken: async (entry) => {
      await letters.get(entry)?.();
      letters.delete(entry);
    },
  };
}

/**
 * Events of a file: NDJSON, one JSON document, or an array; each an event, or an envelope as EventBridge delivers it.
 * Can be resumed, as long as the file stays what it is.
 * @throws {EventParseError} naming line and field, before anything of that line is published
 */
export function eventsFromFile(path: string): ReplaySource {
  return {
    description: { kind: 'file', path },
    resumable: true,
    async *entries({ after }) {
      const from = after === undefined ? 0 : Number(after) + 1;
      let index = 0;
      for await (const { value, where } of documents(path)) {
        const position = String(index);
        index += 1;
        if (index <= from) continue;
        yield { ...entryOf(value, where), position };
      }
    },
  };
}

async function* documents(path: string): AsyncGenerator<{ value: unknown; where: string }> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const where = `${path} line ${number}`;
    const value = tryParse(line);
    if (value === undefined && number === 1) {
      lines.close();
      yield* wholeDocument(path);
      return;
    }
    if (value === undefined) throw unreadable(where);
    if (Array.isArray(value))
      for (const [at, each] of value.entries()) yield { value: each, where: `${where} [${at}]` };
    else yield { value, where };
  }
}

async function* wholeDocument(path: string): AsyncGenerator<{ value: unknown; where: string }> {
  if ((await stat(path)).size > MAX_DOCUMENT_BYTES) throw unreadable(`${path} line 1`);
  const value = tryParse(await readFile(path, 'utf8'));
  if (value === undefined) throw unreadable(path);
  const values = Array.isArray(value) ? (value as unknown[]) : [value];
  for (const [at, each] of values.entries()) yield { value: each, where: `${path} [${at}]` };
}

function tryParse(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function entryOf(value: unknown, where: string): ReplayEntry {
  try {
    if (isRecord(value) && isRecord(value['detail']))
      return { event: parseEvent(value['detail']), envelope: value };
    const event = parseEvent(value);
    return { event, envelope: envelopeOf(event, event.id) };
  } catch (error) {
    if (!(error instanceof EventParseError)) throw error;
    const issues = error.issues.map((issue) => ({ ...issue, path: `${where}: ${issue.path || 'event'}` }));
    throw new EventParseError(issues, { cause: error });
  }
}

function unreadable(where: string): EventParseError {
  return new EventParseError([{ path: where, value: 'something else', expected: 'JSON' }]);
}
