import * as z from 'zod';
import { EventParseError } from '../errors.ts';
import { MAX_SQS_MESSAGE_BYTES } from '../limits.ts';
import { checkAgainst, parseEvent, parseJson } from './parse.ts';
import type { WaybillEvent } from './schema.ts';

/**
 * What EventBridge delivers to a queue.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
 */
export const envelopeSchema = z.looseObject({
  version: z.string(),
  id: z.string(),
  'detail-type': z.string(),
  source: z.string(),
  account: z.string(),
  time: z.string(),
  region: z.string(),
  resources: z.array(z.string()),
  'replay-name': z.string().optional(),
  detail: z.unknown(),
});

/** The envelope without its detail. */
export interface Envelope {
  /** EventBridge's own id: new on every put, so not a key for idempotency. */
  readonly id: string;
  readonly source: string;
  readonly detailType: string;
  readonly account: string;
  readonly region: string;
  readonly time: string;
  readonly resources: readonly string[];
  /** Present when EventBridge's archive replayed it. */
  readonly replayName?: string;
}

/**
 * Parses an SQS message body: the EventBridge envelope and the event in it.
 *
 * The envelope's source and detail-type must equal the event's: IAM conditions speak of the envelope, so an
 * event that claims another source than the one its producer was allowed to put is refused.
 *
 * @throws {EventParseError} naming path, value and expectation
 */
export function parseEnvelope(body: string): { envelope: Envelope; event: WaybillEvent } {
  const raw = checkAgainst(envelopeSchema, parseJson(body, MAX_SQS_MESSAGE_BYTES));
  const event = parseDetail(raw.detail);
  mustEqual('detail.source', event.source, 'source', raw.source);
  mustEqual('detail.type', event.type, 'detail-type', raw['detail-type']);
  const replayName = raw['replay-name'];
  return {
    event,
    envelope: {
      id: raw.id,
      source: raw.source,
      detailType: raw['detail-type'],
      account: raw.account,
      region: raw.region,
      time: raw.time,
      resources: raw.resources,
      ...(replayName === undefined ? {} : { replayName }),
    },
  };
}

function parseDetail(detail: unknown): WaybillEvent {
  if (typeof detail === 'object' && detail !== null) return parseEvent(detail);
  throw new EventParseError([
    { path: 'detail', value: detail === undefined ? 'nothing' : typeof detail, expected: 'object' },
  ]);
}

function mustEqual(path: string, value: string, of: string, expected: string): void {
  if (value === expected) return;
  throw new EventParseError([
    {
      path,
      value: JSON.stringify(value),
      expected: `the envelope's ${of} ${JSON.stringify(expected.slice(0, 128))}`,
    },
  ]);
}
