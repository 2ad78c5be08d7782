/** What a page that watches an exchange is told. No URL, no claim check. */

/** How far a payload has come. */
export interface AttachmentView {
  readonly id: string;
  readonly name: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly digest: string;
  readonly key: string;
  readonly versionId: string;
  readonly retainUntil: string | undefined;
  /** When the newest URL that was given for it ends; undefined if none was. Epoch milliseconds. */
  readonly urlExpiresAtMs: number | undefined;
  /** Fresh URLs that the URL service gave. */
  readonly refetches: number;
  /** Bytes of it that have left the store at least once. */
  readonly coveredBytes: number;
  /** All bytes that have left, the repeated ones included. */
  readonly sentBytes: number;
  /** GET requests that were answered or are being answered. */
  readonly requests: number;
  /** Those that were refused, or cut before their end. */
  readonly broken: number;
  /** Requests being answered now. */
  readonly flowing: number;
}

/** A message with the event in a queue. */
export interface DeliveryView {
  readonly queue: string;
  readonly receives: number;
  /** Deleted by its receiver. */
  readonly deleted: boolean;
}

export type EventState = 'published' | 'queued' | 'working' | 'transferring' | 'handled' | 'dead';

/** An event that a bus accepted. */
export interface EventView {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string | undefined;
  /** When the bus took it, epoch milliseconds. */
  readonly atMs: number;
  /** How often it came by a replay. */
  readonly replays: number;
  readonly state: EventState;
  readonly attachments: readonly AttachmentView[];
  readonly deliveries: readonly DeliveryView[];
}

/** A message in the dead-letter queue. */
export interface DeadLetterView {
  readonly messageId: string;
  readonly eventId: string | undefined;
  readonly type: string | undefined;
  /** `rejected`, `exhausted`, `undeliverable` or `unknown`. */
  readonly kind: string;
  readonly code: string;
  readonly reason: string | undefined;
  readonly sentAt: string | undefined;
}

/** One point of the plots. */
export interface SampleView {
  readonly atMs: number;
  /** Bytes a second that left the store. */
  readonly downBytesPerSecond: number;
  /** Bytes a second that it took. */
  readonly upBytesPerSecond: number;
  /** Messages that wait in the consumer's queue, are in work, lie in its dead-letter queue. */
  readonly waiting: number;
  readonly inWork: number;
  readonly dead: number;
}

/** What the stream carries: everything at first, then what has changed. */
export interface ExchangeChange {
  /** True for the first of a connection: what was known before is forgotten. */
  readonly first: boolean;
  /** In the order of publishing. */
  readonly events: readonly EventView[];
  /** All of them, when any has changed. */
  readonly deadLetters?: readonly DeadLetterView[];
  readonly samples: readonly SampleView[];
}
