import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import { systemClock, type Clock, type Random } from '../../shared/clock.ts';
import type { ClaimCheckVerifier } from '../../shared/claim-check.ts';
import { MAX_OBJECT_BYTES } from '../../shared/limits.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { httpUrl, nonEmptyString, numberInRange, show } from '../../shared/options.ts';
import { resolveRetryOptions, type RetryOptions } from '../../shared/retry.ts';
import { toStores, type Stores, type StoresOptions } from '../../shared/stores.ts';
import { resolveTransferOptions, type DownloadOptions } from '../download/options.ts';
import type { IdempotencyStore } from '../idempotency/types.ts';
import { resolveHealthOptions, type HealthOptions } from '../health/server.ts';
import type { UrlSource } from '../url-source.ts';
import { MAX_HOLD_SECONDS, MAX_VISIBILITY_SECONDS } from './sqs-limits.ts';
import type { EventSchemas, Handler, WorkerEvent } from './types.ts';

/** Where SQS is, and as whom. */
export type SqsConnection = Pick<SQSClientConfig, 'region' | 'endpoint' | 'credentials'>;

/** What a worker may say of its downloads; the rest is the worker's own. */
export type WorkerDownloadOptions = Omit<
  DownloadOptions,
  'stores' | 'urlSource' | 'clock' | 'random' | 'logger' | 'signal' | 'onEvent'
>;

/** Delays of messages that come again. */
export type BackoffOptions = Pick<RetryOptions, 'backoffBaseMs' | 'backoffCapMs'>;

/** How a worker remembers what it has handled. */
export interface IdempotencyOptions {
  readonly store: IdempotencyStore;
  /** The name that the records stand under. @default - the worker's `consumer` */
  readonly consumer?: string;
  /** Length of an event's lease, renewed while it is in work. From 1 to 43,200. @default - `visibilityTimeoutSeconds` */
  readonly leaseSeconds?: number;
}

/** `IdempotencyOptions`, with the consumer's name. */
export interface ResolvedIdempotency {
  readonly store: IdempotencyStore;
  readonly consumer: string;
  readonly leaseMs: number;
}

export interface WorkerOptions<Schemas extends EventSchemas> {
  /** A standard queue that an EventBridge rule feeds. */
  readonly queueUrl: string;
  /** Where rejected messages go. @default - the target of the queue's redrive policy */
  readonly deadLetterQueueUrl?: string;
  /** Where the logical store names of events lead. */
  readonly stores: StoresOptions | Stores;
  /** The event types that are handled, `*` for all others, and the schema of each one's `data`. */
  readonly events: Schemas;
  /** What to do with an event of another type: dead-letter it, or delete it. @default 'reject' */
  readonly onUnknownType?: 'reject' | 'ignore';
  readonly handler: Handler<Schemas>;
  /** This consumer's name. Replays for another consumer are deleted untouched. @default - every replay is handled */
  readonly consumer?: string;
  /** Where this consumer's idempotency records stand; it then needs its name. @default - none: every delivery is handled */
  readonly idempotency?: IdempotencyOptions;
  /** Where fresh URLs come from. @default - none: an event whose URL has expired is retried, in vain */
  readonly urlSource?: UrlSource;
  /** With the producers' public keys: a claim check is verified before anything is fetched. @default - its claims are compared only */
  readonly claimCheckVerifier?: Pick<ClaimCheckVerifier, 'verify'>;
  readonly download?: WorkerDownloadOptions;
  /** A client, which the caller closes; or where SQS is. @default - the SDK's own configuration */
  readonly sqs?: SQSClient | SqsConnection;
  /** Messages in work at once. From 1 to 1,000. @default 4 */
  readonly concurrency?: number;
  /**
   * Sum of the attachments' sizes of the events in work, in bytes. From 1. An event of more than half of it counts as
   * half, and only one such is in work at a time: it never keeps small ones from their turn. @default 8 GiB
   */
  readonly maxBytesInFlight?: number;
  /** Length of a long poll, in seconds. From 0 to 20. @default 20 */
  readonly pollWaitSeconds?: number;
  /** Extended by a heartbeat for as long as a message is in work. From 10 to 43,200. @default 60 */
  readonly visibilityTimeoutSeconds?: number;
  /** Longest a message may take, manifest, downloads and handler together. From 1 to 41,400. @default 3600 */
  readonly handlerTimeoutSeconds?: number;
  /** Largest attachment that is accepted, in bytes. @default - S3's own limit, 48.8 TiB */
  readonly maxAttachmentBytes?: number;
  /** Full-jitter backoff of retries, by receive count. @default base 1 s, cap 15 min */
  readonly backoff?: BackoffOptions;
  /** How long `stop()` waits for running handlers before their signals abort, in milliseconds. @default 30_000 */
  readonly stopDeadlineMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
  /** Jitter. @default Math.random */
  readonly random?: Random;
  /** @default silentLogger */
  readonly logger?: Logger;
  /** Stops the worker, as the first `stop()` does. */
  readonly signal?: AbortSignal;
  /** Serves `/healthz`, `/readyz` and `/metrics` for as long as the worker runs. @default - not served */
  readonly health?: HealthOptions;
  /** Hears what happens. What it throws is logged and ignored. */
  readonly onEvent?: (event: WorkerEvent) => void;
}

export const workerDefaults = {
  onUnknownType: 'reject',
  concurrency: 4,
  maxBytesInFlight: 8 * 1024 ** 3,
  pollWaitSeconds: 20,
  visibilityTimeoutSeconds: 60,
  handlerTimeoutSeconds: 3600,
  maxAttachmentBytes: MAX_OBJECT_BYTES,
  backoff: { backoffBaseMs: 1000, backoffCapMs: 900_000 },
  stopDeadlineMs: 30_000,
} as const;

/** Options with every default filled in. The handler's event type is erased: schema and handler belong together by type. */
export interface ResolvedWorkerOptions {
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string | undefined;
  readonly stores: Stores;
  readonly events: ReadonlyMap<string, EventSchemas[string]>;
  readonly onUnknownType: 'reject' | 'ignore';
  readonly handler: Handler<EventSchemas>;
  readonly consumer: string | undefined;
  readonly idempotency: ResolvedIdempotency | undefined;
  readonly urlSource: UrlSource | undefined;
  readonly claimCheckVerifier: Pick<ClaimCheckVerifier, 'verify'> | undefined;
  readonly download: WorkerDownloadOptions;
  readonly sqs: SQSClient;
  /** True for a client of our own, which we close. */
  readonly ownsSqs: boolean;
  readonly concurrency: number;
  readonly maxBytesInFlight: number;
  readonly pollWaitSeconds: number;
  readonly visibilityTimeoutSeconds: number;
  readonly handlerTimeoutSeconds: number;
  readonly maxAttachmentBytes: number;
  readonly backoff: Required<BackoffOptions>;
  readonly stopDeadlineMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
  readonly health: Required<HealthOptions> | undefined;
  readonly onEvent: ((event: WorkerEvent) => void) | undefined;
}

/**
 * Checks every option and fills in the defaults.
 * @throws {TypeError|RangeError} naming the field, the value given and what is allowed
 */
export function resolveWorkerOptions<Schemas extends EventSchemas>(
  options: WorkerOptions<Schemas>,
): ResolvedWorkerOptions {
  const d = workerDefaults;
  const { deadLetterQueueUrl, consumer, download = {} } = options;
  const number = (
    field: 'concurrency' | 'pollWaitSeconds' | 'visibilityTimeoutSeconds' | 'handlerTimeoutSeconds',
    min: number,
    max: number,
    unit?: string,
  ): number =>
    numberInRange(field, options[field] ?? d[field], { min, max, ...(unit === undefined ? {} : { unit }) });
  if (typeof options.handler !== 'function') {
    throw new TypeError(`handler: got ${show(options.handler)}, expected a function`);
  }
  const checked = {
    queueUrl: standardQueueUrl('queueUrl', options.queueUrl),
    deadLetterQueueUrl:
      deadLetterQueueUrl === undefined
        ? undefined
        : standardQueueUrl('deadLetterQueueUrl', deadLetterQueueUrl),
    stores: toStores(options.stores),
    events: resolveEvents(options.events),
    onUnknownType: oneOf('onUnknownType', options.onUnknownType ?? d.onUnknownType, ['reject', 'ignore']),
    // Safe: an event reaches the handler only through the schema of its own type.
    handler: options.handler as unknown as Handler<EventSchemas>,
    consumer: consumer === undefined ? undefined : nonEmptyString('consumer', consumer),
    urlSource: options.urlSource,
    claimCheckVerifier: options.claimCheckVerifier,
    download,
    concurrency: number('concurrency', 1, 1000),
    maxBytesInFlight: numberInRange('maxBytesInFlight', options.maxBytesInFlight ?? d.maxBytesInFlight, {
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      unit: 'bytes',
    }),
    pollWaitSeconds: number('pollWaitSeconds', 0, 20, 's'),
    visibilityTimeoutSeconds: number('visibilityTimeoutSeconds', 10, MAX_VISIBILITY_SECONDS, 's'),
    handlerTimeoutSeconds: number('handlerTimeoutSeconds', 1, MAX_HOLD_SECONDS, 's'),
    maxAttachmentBytes: numberInRange(
      'maxAttachmentBytes',
      options.maxAttachmentBytes ?? d.maxAttachmentBytes,
      {
        min: 0,
        max: MAX_OBJECT_BYTES,
        unit: 'bytes',
      },
    ),
    backoff: resolveRetryOptions({ ...d.backoff, ...options.backoff }),
    stopDeadlineMs: numberInRange('stopDeadlineMs', options.stopDeadlineMs ?? d.stopDeadlineMs, {
      min: 0,
      max: MAX_VISIBILITY_SECONDS * 1000,
      unit: 'ms',
    }),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    logger: redactingLogger(options.logger ?? silentLogger),
    signal: options.signal,
    health: options.health === undefined ? undefined : resolveHealthOptions(options.health),
    onEvent: options.onEvent,
  };
  const idempotency = resolveIdempotency(options.idempotency, checked);
  resolveTransferOptions(download);
  const { sqs = {} } = options;
  const isClient = 'send' in sqs;
  return { ...checked, idempotency, sqs: isClient ? sqs : new SQSClient(sqs), ownsSqs: !isClient };
}

function resolveIdempotency(
  options: IdempotencyOptions | undefined,
  worker: { consumer: string | undefined; visibilityTimeoutSeconds: number },
): ResolvedIdempotency | undefined {
  if (options === undefined) return undefined;
  const { store, consumer = worker.consumer, leaseSeconds = worker.visibilityTimeoutSeconds } = options;
  if (typeof (store as { acquire?: unknown } | undefined)?.acquire !== 'function') {
    throw new TypeError(`idempotency.store: got ${show(store)}, expected an IdempotencyStore`);
  }
  const name = nonEmptyString('consumer (idempotency needs it)', consumer);
  const bounds = { min: 1, max: MAX_VISIBILITY_SECONDS, unit: 's' };
  const seconds = numberInRange('idempotency.leaseSeconds', leaseSeconds, bounds);
  return { store, consumer: name, leaseMs: seconds * 1000 };
}

/** Order is not promised, so a FIFO queue would promise too much. */
function standardQueueUrl(field: string, value: unknown): string {
  const url = httpUrl(field, value);
  if (url.pathname.endsWith('.fifo')) {
    throw new TypeError(`${field}: got ${show(value)}, expected a standard queue, not FIFO`);
  }
  return String(value);
}

function resolveEvents(events: unknown): Map<string, EventSchemas[string]> {
  if (typeof events !== 'object' || events === null || Object.keys(events).length === 0) {
    throw new TypeError(`events: got ${show(events)}, expected a schema for at least one event type`);
  }
  for (const [type, schema] of Object.entries(events)) {
    if (typeof (schema as { safeParse?: unknown } | null)?.safeParse !== 'function') {
      throw new TypeError(`events.${type}: got ${show(schema)}, expected a zod schema`);
    }
  }
  return new Map(Object.entries(events as EventSchemas));
}

function oneOf<Value extends string>(field: string, value: unknown, allowed: readonly Value[]): Value {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new TypeError(
    `${field}: got ${show(value)}, expected ${allowed.map((item) => show(item)).join(' or ')}`,
  );
}
