import { MAX_OBJECT_BYTES } from '../../shared/limits.ts';
import { numberInRange } from '../../shared/options.ts';
import { resolveWorkerOptions, type ResolvedWorkerOptions, type WorkerOptions } from '../worker/options.ts';
import type { EventSchemas } from '../worker/types.ts';

/** A worker's options, as far as they mean something behind an event source mapping. */
export interface SqsHandlerOptions<Schemas extends EventSchemas> extends Pick<
  WorkerOptions<Schemas>,
  | 'stores'
  | 'events'
  | 'onUnknownType'
  | 'handler'
  | 'consumer'
  | 'idempotency'
  | 'urlSource'
  | 'claimCheckVerifier'
  | 'download'
  | 'sqs'
  | 'maxAttachmentBytes'
  | 'deadLetterQueueUrl'
  | 'clock'
  | 'random'
  | 'logger'
> {
  /** Messages of a batch in work at once. From 1 to 1,000. @default 1 */
  readonly concurrency?: number;
  /**
   * Room for attachments, in bytes: the function's ephemeral storage, less what else it holds. An event whose attachments
   * take more is rejected before a byte is fetched; with a `concurrency` above 1 one that takes more than two thirds, so
   * that all in work fit together. From 1. @default 512 MiB, what a function has unless it asks for more
   */
  readonly ephemeralStorageBytes?: number;
  /** Kept of the invocation's time, in milliseconds: what is unfinished then is aborted. From 500 to 60,000. @default 5_000 */
  readonly deadlineMarginMs?: number;
}

export const sqsHandlerDefaults = {
  concurrency: 1,
  ephemeralStorageBytes: 512 * 1024 ** 2,
  deadlineMarginMs: 5_000,
} as const;

/** Options with every default filled in. */
export interface ResolvedSqsHandlerOptions {
  /** But for the queue, which every batch names. */
  readonly worker: ResolvedWorkerOptions;
  readonly maxEventBytes: number;
  readonly deadlineMarginMs: number;
}

/** Stands until a batch has named its queue. */
const NO_QUEUE_YET = 'https://sqs.invalid/0/unknown';

/** @throws {TypeError|RangeError} naming the field, the value given and what is allowed */
export function resolveSqsHandlerOptions<Schemas extends EventSchemas>(
  options: SqsHandlerOptions<Schemas>,
): ResolvedSqsHandlerOptions {
  const d = sqsHandlerDefaults;
  const {
    concurrency = d.concurrency,
    ephemeralStorageBytes: storage = d.ephemeralStorageBytes,
    deadlineMarginMs,
    ...rest
  } = options;
  const roomBytes = numberInRange('ephemeralStorageBytes', storage, {
    min: 1,
    max: MAX_OBJECT_BYTES,
    unit: 'bytes',
  });
  // A large event and the small ones beside it: 2/3 + half of the budget, which is 1/3
  const maxEventBytes = concurrency === 1 ? roomBytes : Math.floor((roomBytes * 2) / 3);
  return {
    worker: resolveWorkerOptions({
      ...rest,
      concurrency,
      maxBytesInFlight: Math.max(1, maxEventBytes),
      queueUrl: NO_QUEUE_YET,
    }),
    maxEventBytes,
    deadlineMarginMs: numberInRange('deadlineMarginMs', deadlineMarginMs ?? d.deadlineMarginMs, {
      min: 500,
      max: 60_000,
      unit: 'ms',
    }),
  };
}
