import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';

/** An event as rules match it and targets get it. */
export interface Envelope extends Readonly<Record<string, unknown>> {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  /** Name of the replay that brought it. */
  readonly 'replay-name'?: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What an envelope is made of. */
export interface EnvelopeFields {
  readonly id: string;
  readonly detailType: string;
  readonly source: string;
  /** Epoch milliseconds; the envelope shows whole seconds. */
  readonly timeMs: number;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/**
 * Makes an event's envelope, with the fields in EventBridge's own order.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
 */
export function toEnvelope(fields: EnvelopeFields): Envelope {
  return {
    version: '0',
    id: fields.id,
    'detail-type': fields.detailType,
    source: fields.source,
    account: LOCAL_ACCOUNT_ID,
    time: new Date(fields.timeMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    region: fields.region,
    resources: fields.resources,
    detail: fields.detail,
  };
}
