import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { EventParseError, PublishConflictError, RecordsError } from '../../shared/errors.ts';
import {
  attachmentSchema,
  checkAgainst,
  eventSchema,
  serialiseForRecord,
  type WaybillEvent,
} from '../../shared/events/index.ts';
import type { Records, StoredRecord } from '../../shared/records/index.ts';
import { keySegment } from '../payload-key.ts';

/** Prefix of intents in the control bucket. */
export const INTENT_PREFIX = 'intents/';

const OPEN_FORMAT = 'waybill-intent/1';
const PUBLISHED_FORMAT = 'waybill-published/1';

const openSchema = z.looseObject({
  format: z.literal(OPEN_FORMAT),
  state: z.enum(['open', 'abandoned']),
  startedAt: z.iso.datetime(),
  retainUntil: z.iso.datetime(),
  store: z.string(),
  attachments: z.array(attachmentSchema.pick({ id: true, name: true, mediaType: true })),
  event: eventSchema,
});

const publishedSchema = z.looseObject({
  format: z.literal(PUBLISHED_FORMAT),
  publishedAt: z.iso.datetime(),
  eventBridgeId: z.string(),
  ledger: z.string(),
  event: eventSchema,
});

/** What a publisher means to do, written down before a byte is uploaded. */
export interface Intent {
  /** The event without its attachments. */
  readonly event: WaybillEvent;
  readonly attachments: readonly { readonly id: string; readonly name: string; readonly mediaType: string }[];
  /** Logical name. */
  readonly store: string;
  readonly retainUntil: string;
}

/** An intent as it is stored. */
export interface StoredIntent extends Intent {
  /** `abandoned`: a sweeper has removed what was uploaded for it. */
  readonly state: 'open' | 'abandoned';
  /** When a publisher began with it first, ISO. */
  readonly startedAt: string;
  /** When it was last written, by S3's clock, epoch milliseconds. */
  readonly touchedAtMs: number;
  readonly etag: string;
}

/** A note that an event with an id of the caller's is out. */
export interface PublishedNote {
  readonly publishedAt: string;
  readonly eventBridgeId: string;
  /** Key of the ledger segment that holds it. */
  readonly ledger: string;
  /** As it was published, without URLs. */
  readonly event: WaybillEvent;
}

/** The intents of one producer: `open/` those under way, `published/` those of ids that a caller may come back with. */
export interface Intents {
  /**
   * Writes an intent, or takes up the one that is there.
   * @returns what stands there now; `again` if it was there before
   * @throws {PublishConflictError} if the id was used for another event
   */
  open(intent: Intent): Promise<{ readonly intent: Intent; readonly again: boolean }>;
  /** The intent that is under way, undefined if there is none. */
  get(eventId: string): Promise<StoredIntent | undefined>;
  /** Marks an intent whose payloads are about to be removed. @returns false if somebody took it up meanwhile */
  abandon(intent: StoredIntent): Promise<boolean>;
  /** Takes an intent away: it is done. */
  close(eventId: string): Promise<void>;
  published(eventId: string): Promise<PublishedNote | undefined>;
  notePublished(note: PublishedNote): Promise<void>;
  /** Ids of the intents that nobody has touched since. */
  untouchedSince(ms: number): AsyncIterable<string>;
}

export function createIntents(records: Records, producer: string, clock: { nowMs(): number }): Intents {
  const folder = `${INTENT_PREFIX}${keySegment('producer', producer)}/`;
  const openKey = (id: string): string => `${folder}open/${id}.json`;
  const publishedKey = (id: string): string => `${folder}published/${id}.json`;

  const bodyOf = (intent: Intent, state: StoredIntent['state'], startedAt: string): string => {
    const { event, attachments, store, retainUntil } = intent;
    const owner = randomBytes(12).toString('hex');
    const head = { format: OPEN_FORMAT, owner, state, startedAt, retainUntil, store, attachments };
    return withEvent(head, event);
  };

  const get = async (eventId: string): Promise<StoredIntent | undefined> => {
    const record = await records.get(openKey(eventId));
    return record === undefined ? undefined : parseIntent(record);
  };

  const open: Intents['open'] = async (intent) => {
    const key = openKey(intent.event.id);
    const startedAt = new Date(clock.nowMs()).toISOString();
    for (let attempt = 1; ; attempt += 1) {
      const made = await records.create(key, bodyOf(intent, 'open', startedAt));
      if (made.outcome === 'created') return { intent, again: false };
      const stored = parseIntent(made.record);
      const taken = takeUp(intent, stored);
      // Touched, so that no sweeper takes it for forgotten while the upload goes on.
      const touched = await records.replace(key, bodyOf(taken, 'open', stored.startedAt), stored.etag);
      if (touched.outcome === 'replaced') return { intent: taken, again: true };
      if (attempt >= MAX_TAKE_UPS)
        throw new RecordsError(`${key} changed ${attempt} times while it was taken up`);
    }
  };

  return {
    open,
    get,
    abandon: async (intent) => {
      const body = bodyOf(intent, 'abandoned', intent.startedAt);
      const { outcome } = await records.replace(openKey(intent.event.id), body, intent.etag);
      return outcome === 'replaced';
    },
    close: async (eventId) => void (await records.remove(openKey(eventId))),
    published: async (eventId) => {
      const record = await records.get(publishedKey(eventId));
      return record === undefined ? undefined : parseRecord(publishedSchema, record);
    },
    notePublished: async ({ publishedAt, eventBridgeId, ledger, event }) => {
      const head = { format: PUBLISHED_FORMAT, publishedAt, eventBridgeId, ledger };
      // If it exists, another process has published the same event: the first note stands.
      await records.create(publishedKey(event.id), withEvent(head, event));
    },
    untouchedSince: async function* (ms) {
      for await (const { key, modifiedAtMs } of records.list(`${folder}open/`)) {
        const id = /\/open\/([0-9a-f-]{36})\.json$/.exec(key)?.[1];
        if (id !== undefined && modifiedAtMs <= ms) yield id;
      }
    },
  };
}

const MAX_TAKE_UPS = 5;

/**
 * The intent as the first publish of this id meant it: what the caller did not give and would come out differently
 * now (time, trace, retention) is as it was.
 */
function takeUp(wanted: Intent, stored: StoredIntent): Intent {
  const { id, type, source, subject, dataschema, correlationid, data } = wanted.event;
  const said = JSON.stringify([type, source, subject, dataschema, correlationid, data, wanted.attachments]);
  const { event, attachments, store, retainUntil } = stored;
  const before = JSON.stringify([
    event.type,
    event.source,
    event.subject,
    event.dataschema,
    event.correlationid,
    event.data,
    attachments,
  ]);
  if (said !== before || wanted.store !== store) {
    throw new PublishConflictError(
      `event ${id} was begun at ${stored.startedAt} with another type, source, subject, data, store or list of attachments`,
      { details: { eventId: id } },
    );
  }
  return { event, attachments, store, retainUntil };
}

function parseIntent(record: StoredRecord): StoredIntent {
  const { event, attachments, store, retainUntil, state, startedAt } = parseRecord(openSchema, record);
  return {
    event,
    attachments,
    store,
    retainUntil,
    state,
    startedAt,
    touchedAtMs: record.modifiedAtMs,
    etag: record.etag,
  };
}

/** Parses a record that holds an event. @throws {RecordsError} naming the key */
export function parseRecord<Schema extends z.ZodType>(
  schema: Schema,
  { key, body }: { readonly key: string; readonly body: string },
): z.output<Schema> {
  try {
    return checkAgainst(schema, JSON.parse(body));
  } catch (error) {
    if (!(error instanceof EventParseError) && !(error instanceof SyntaxError)) throw error;
    throw new RecordsError(`${key} is damaged, or of another version: ${error.message}`, { cause: error });
  }
}

/** One line of JSON with an event in it. */
export function withEvent(head: object, event: WaybillEvent): string {
  return `${JSON.stringify(head).slice(0, -1)},"event":${serialiseForRecord(event)}}`;
}
