import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Attachment, Envelope, WaybillEvent } from '../../shared/events/index.ts';
import type { Logger } from '../../shared/logger.ts';
import type { DownloadEvent, DownloadResult } from '../download/index.ts';
import type { SharedFailure } from './circuit.ts';
import type { QueueFailure } from './queue-failure.ts';

/**
 * For each event type, the zod schema of the publisher's part of `data`: without `attachments` and `manifest`.
 * The key `*` stands for every type that has no key of its own.
 */
export type EventSchemas = Readonly<Record<string, z.ZodType<object>>>;

/** Options of one download of an attachment. */
export interface SaveOptions {
  /** Where bytes stand until the file is whole; on the same file system. @default - the path + `.waybill-part` */
  readonly partialPath?: string;
  /** Ends this download. The message's own signal always does. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: DownloadEvent) => void;
}

/** An attachment as a handler gets it. Nothing is fetched before one of its methods is called. */
export type ReceivedAttachment = Attachment & {
  /**
   * Downloads to a file of the caller's choosing: resumable, verified, in place at once. `path` is used as it is. A file
   * that stands there with exactly these bytes is verified and kept; nothing is fetched then.
   */
  readonly saveTo: (path: string, options?: SaveOptions) => Promise<DownloadResult>;
  /** The bytes in order. The stream fails instead of ending when the digest differs. */
  readonly stream: (options?: Omit<SaveOptions, 'partialPath'>) => Readable;
  /**
   * The verified bytes in memory.
   * @throws {SizeLimitError} when there are more than `maxBytes`
   */
  readonly bytes: (
    limits: { readonly maxBytes: number },
    options?: Omit<SaveOptions, 'partialPath'>,
  ) => Promise<Buffer>;
};

/** Named fields of T: without its index signature, over which Omit would lose them. */
type Named<T> = {
  [Key in keyof T as string extends Key ? never : number extends Key ? never : Key]: T[Key];
};

/** One event type as its handler gets it. */
export type ReceivedEventOf<Type extends string, Data> = Omit<Named<WaybillEvent>, 'type' | 'data'> & {
  readonly type: Type extends '*' ? string : Type;
  /**
   * The larger of two counts: how often SQS has delivered this message, and how often a worker of this consumer has
   * taken the event's idempotency record, both this time included. So 1 says that no earlier delivery of the message
   * and no earlier attempt by way of another message is known; above 1, effects may exist already.
   */
  readonly deliveryAttempt: number;
  /**
   * The same for every delivery of this event to this consumer, whichever message brings it: consumer, source and id,
   * percent-encoded, at most about 1 KiB of ASCII. Commit it with the handler's effects, as a primary key, and they
   * happen once. A replay that asks for another run (`replayagain`) has another key.
   */
  readonly idempotencyKey: string;
  /** What the schema made of the publisher's fields, and the attachments, those of a manifest included. */
  readonly data: Data & { readonly attachments: readonly ReceivedAttachment[] };
};

/** Union of all event types that `events` names, told apart by `type`. */
export type ReceivedEvent<Schemas extends EventSchemas> = {
  [Type in keyof Schemas & string]: ReceivedEventOf<Type, z.output<Schemas[Type]>>;
}[keyof Schemas & string];

/** A file that `saveAll` wrote. */
export interface SavedFile {
  /** Absolute path. */
  readonly path: string;
  /** Path under `files/`, after sanitising and numbering. */
  readonly relativePath: string;
  readonly attachment: Attachment;
  readonly result: DownloadResult;
}

/** What a handler gets beside the event. */
export interface HandlerContext {
  /**
   * Aborts when the work is in vain or must end: the lease was lost (`LeaseLostError`), the handler took too long
   * (`HandlerTimeoutError`), the worker stops (`WorkerStoppedError`). Pass it on.
   */
  readonly signal: AbortSignal;
  readonly messageId: string;
  /** How often SQS has delivered the message, this time included. */
  readonly receiveCount: number;
  /** EventBridge's envelope, without its detail. */
  readonly envelope: Envelope;
  /** Adds the message's and the event's id to every line, and takes secrets out. */
  readonly logger: Logger;
  /**
   * Downloads every attachment to `DIR/<event id>/files/<name>`, the names made safe and unique. What is unfinished
   * stands in `DIR/<event id>/partials/` and is resumed by the next delivery. At last writes
   * `DIR/<event id>/event.json` (mode 0600: it holds claim checks, no URLs), and `manifest.json` where the event has
   * one. `DIR` may be a link; nothing below it may.
   *
   * @throws {StorageError} when the disk refuses, or a link stands where a directory should be
   */
  readonly saveAll: (directory: string) => Promise<SavedFile[]>;
}

/** Handles one event. Delivered at least once: the same event id may come again. */
export type Handler<Schemas extends EventSchemas> = (
  event: ReceivedEvent<Schemas>,
  context: HandlerContext,
) => Promise<void>;

/** What a worker has done since it started. Counts, each message's last outcome once per delivery. */
export interface WorkerStats {
  readonly received: number;
  /** Handled and deleted. */
  readonly succeeded: number;
  /** Made visible again with backoff. */
  readonly retried: number;
  /** Sent to the dead-letter queue and deleted. */
  readonly rejected: number;
  /** Made visible again because something that every message needs is broken. */
  readonly unavailable: number;
  /** Deleted without a run of the handler: the event was handled before. */
  readonly duplicates: number;
  /** Made visible again because they had to wait for others: nothing was wrong. */
  readonly postponed: number;
  /** Deleted untouched: a replay for another consumer, or a type that is ignored. */
  readonly ignored: number;
  /** Made visible at once because the worker stopped. */
  readonly released: number;
  readonly leasesLost: number;
  readonly receiveErrors: number;
  /** Received and not yet settled: in work, waiting for their turn, being deleted. */
  readonly inFlight: number;
}

interface OfMessage {
  readonly messageId: string;
  readonly receiveCount: number;
  /** Undefined as long as the message is not parsed. */
  readonly eventId: string | undefined;
}

interface OfFailure extends OfMessage {
  /** `code` of a WaybillError, else `unexpected`. */
  readonly code: string;
  /** Redacted. */
  readonly reason: string;
}

/** Something a worker tells while it runs. No URL, no claim check. */
export type WorkerEvent =
  | { readonly kind: 'started'; readonly deadLetterQueueUrl: string | undefined }
  | ({ readonly kind: 'received' } & OfMessage)
  | ({ readonly kind: 'extended' } & OfMessage)
  | ({
      readonly kind: 'download';
      readonly attachment: Attachment;
      readonly event: DownloadEvent;
    } & OfMessage)
  | ({ readonly kind: 'succeeded'; readonly durationMs: number } & OfMessage)
  | ({ readonly kind: 'duplicate' } & OfMessage)
  | ({ readonly kind: 'ignored'; readonly reason: string } & OfMessage)
  | ({ readonly kind: 'retried'; readonly delaySeconds: number } & OfFailure)
  | ({ readonly kind: 'postponed'; readonly delaySeconds: number } & OfFailure)
  | ({ readonly kind: 'unavailable'; readonly delaySeconds: number } & OfFailure)
  | ({ readonly kind: 'rejected'; readonly rejectId: string } & OfFailure)
  | ({ readonly kind: 'released' } & OfMessage)
  | ({ readonly kind: 'lease-lost'; readonly reason: string } & OfMessage)
  | {
      readonly kind: 'receive-failed';
      readonly code: QueueFailure['code'];
      readonly reason: string;
      readonly delayMs: number;
    }
  /** Nothing is received for `delayMs`; then it is probed. */
  | ({ readonly kind: 'circuit-opened'; readonly delayMs: number } & SharedFailure)
  | { readonly kind: 'circuit-probing'; readonly code: string }
  | { readonly kind: 'circuit-closed'; readonly openMs: number }
  | { readonly kind: 'stopping'; readonly forced: boolean }
  | { readonly kind: 'stopped'; readonly stats: WorkerStats };
