import { EventBridgeClient, type EventBridgeClientConfig } from '@aws-sdk/client-eventbridge';
import { systemClock, type Clock, type Random } from '../../shared/clock.ts';
import { EVENT_BUDGET_BYTES, MAX_PRESIGN_SECONDS } from '../../shared/limits.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { nonEmptyString, numberInRange } from '../../shared/options.ts';
import { createRecords, type Records } from '../../shared/records/index.ts';
import { resolveRetryOptions, type RetryOptions } from '../../shared/retry.ts';
import { toStores, type StoreOptions, type Stores, type StoresOptions } from '../../shared/stores.ts';
import type { OutboxStore } from '../outbox/index.ts';
import { createS3Outbox } from '../outbox/s3-outbox.ts';
import { keySegment } from '../payload-key.ts';

const HOUR_MS = 3_600_000;
const MAX_MS = 365 * 24 * HOUR_MS;

/** What to sweep, and how. */
export interface SweepOptions {
  /** Whose outbox and intents. */
  readonly producer: string;
  readonly control: StoreOptions;
  /** All stores that its events name. */
  readonly stores: StoresOptions | Stores;
  /** Region of the buses. @default - the first store's */
  readonly region?: string;
  /** EventBridge's endpoint. @default - AWS's */
  readonly endpoint?: string;
  /** For S3 and EventBridge. @default - the SDK's provider chain */
  readonly credentials?: NonNullable<EventBridgeClientConfig['credentials']>;
  /** @default - the control bucket's */
  readonly outbox?: OutboxStore;
  /** Life of the URLs that are signed on the way, in seconds; 0 or false publishes without. @default 900 */
  readonly urlTtlSeconds?: number | false;
  /** Most bytes of an event. @default 245_760 */
  readonly eventBudgetBytes?: number;
  /** How long an event may wait in the outbox before it counts as left there, in milliseconds. @default 120_000 */
  readonly outboxAgeMs?: number;
  /** From what age on an intent, or an open upload, counts as unfinished, in milliseconds. @default 86_400_000 (a day) */
  readonly unfinishedAgeMs?: number;
  /** Remove what is unfinished for longer than `graceMs`. @default false */
  readonly delete?: boolean;
  /** How long what is unfinished is kept at least, in milliseconds, when `delete` is given. @default 604_800_000 (7 days) */
  readonly graceMs?: number;
  readonly retry?: RetryOptions;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  readonly signal?: AbortSignal;
}

export const sweepDefaults = {
  urlTtlSeconds: 900,
  eventBudgetBytes: EVENT_BUDGET_BYTES,
  outboxAgeMs: 120_000,
  unfinishedAgeMs: 24 * HOUR_MS,
  graceMs: 7 * 24 * HOUR_MS,
} as const;

/** Options with every default filled in, and the clients made. */
export interface ResolvedSweepOptions {
  readonly producer: string;
  readonly stores: Stores;
  readonly records: Records;
  readonly outbox: OutboxStore;
  readonly bridge: EventBridgeClient;
  readonly credentials: SweepOptions['credentials'];
  readonly urlTtlSeconds: number;
  readonly eventBudgetBytes: number;
  readonly outboxAgeMs: number;
  readonly unfinishedAgeMs: number;
  readonly delete: boolean;
  readonly graceMs: number;
  readonly retry: Required<RetryOptions>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
}

/**
 * Checks the options, fills in the defaults and makes the clients.
 * @throws {TypeError|RangeError} naming the field, the value and what was expected
 */
export function resolveSweepOptions(options: SweepOptions): ResolvedSweepOptions {
  const { control, credentials, endpoint } = options;
  const producer = keySegment('producer', options.producer);
  const merged = { ...sweepDefaults, ...options };
  const ms = (field: 'outboxAgeMs' | 'unfinishedAgeMs' | 'graceMs'): number =>
    numberInRange(field, merged[field], { min: 0, max: MAX_MS, unit: 'ms' });
  const stores = toStores(options.stores);
  const ttl = merged.urlTtlSeconds === false ? 0 : merged.urlTtlSeconds;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const logger = redactingLogger(options.logger ?? silentLogger);
  const retry = resolveRetryOptions(options.retry);
  const [first] = stores.names;
  if (first === undefined) throw new TypeError('stores: got none, expected at least one');
  const numbers = {
    urlTtlSeconds: numberInRange('urlTtlSeconds', ttl, { min: 0, max: MAX_PRESIGN_SECONDS, unit: 's' }),
    eventBudgetBytes: numberInRange('eventBudgetBytes', merged.eventBudgetBytes, {
      min: 4096,
      max: 1_000_000,
    }),
    outboxAgeMs: ms('outboxAgeMs'),
    unfinishedAgeMs: ms('unfinishedAgeMs'),
    graceMs: ms('graceMs'),
  };
  const region = nonEmptyString('region', options.region ?? stores.get(first).region);
  const records = createRecords({ control, credentials, retry, clock, random, logger });
  return {
    producer,
    stores,
    records,
    outbox: options.outbox ?? createS3Outbox(records, { producer, clock }),
    bridge: new EventBridgeClient({
      region,
      maxAttempts: 1,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    }),
    credentials,
    ...numbers,
    delete: options.delete ?? false,
    retry,
    clock,
    random,
    logger,
    signal: options.signal,
  };
}
