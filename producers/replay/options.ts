import type { EventBridgeClient, EventBridgeClientConfig } from '@aws-sdk/client-eventbridge';
import { systemClock, type Clock, type Random } from '../../shared/clock.ts';
import { EVENT_BUDGET_BYTES, MAX_PRESIGN_SECONDS } from '../../shared/limits.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { httpUrl, nonEmptyString, numberInRange, show } from '../../shared/options.ts';
import type { Records } from '../../shared/records/index.ts';
import { resolveRetryOptions, type RetryOptions } from '../../shared/retry.ts';
import { toStores, type Stores, type StoresOptions } from '../../shared/stores.ts';
import { mintEventId } from '../event-id.ts';
import { createEventFilter, type EventFilter, type EventFilterOptions } from '../event-filter.ts';
import { createPacer, type Pacer } from '../pacer.ts';
import type { PayloadFinding, ReplayCounts, ReplaySource } from './types.ts';

/** What to publish again, for whom, and how. */
export interface ReplayOptions {
  readonly source: ReplaySource;
  /** Event bus, by name or ARN. */
  readonly bus: string;
  /** @default - every event of the source */
  readonly filter?: EventFilterOptions;
  /** The one consumer it is for (`replayfor`). @default - everyone */
  readonly consumer?: string;
  /** Asks consumers to handle once more what they have handled (`replayagain`). @default false */
  readonly again?: boolean;
  /** Leaves out what the consumer has handled, by its idempotency records. Needs `records` and `consumer`. @default false */
  readonly unhandledOnly?: boolean;
  /** Leaves out, and reports, events of which a payload cannot be had. @default false */
  readonly skipGone?: boolean;
  /** Reads and checks everything, and changes nothing: no event is put, no record written. @default false */
  readonly dryRun?: boolean;
  /** Events a second, 0.001 to 1,000,000. @default 100 */
  readonly ratePerSecond?: number;
  /** Stops after so many were published. @default - all */
  readonly limit?: number;
  /** Leaves out events that have been replayed so often already, 1 to 1,000,000. @default 10 */
  readonly maxReplayCount?: number;
  /** @default - a new UUIDv7 */
  readonly replayId?: string;
  /** Goes on with the replay of that id where it was. @default false */
  readonly resume?: boolean;
  /**
   * Where the checkpoint is kept, under `replays/<replayid>/`.
   * @default - nowhere: a replay that ends early begins again
   */
  readonly records?: Records;
  /** Stores by logical name: for URLs, and for the preflight. @default - none: events go out with claim checks only */
  readonly stores?: StoresOptions | Stores;
  /** Life of the URLs, 1 to 604,800 s; 0 or false publishes without. @default 900 */
  readonly urlTtlSeconds?: number | false;
  /** Most bytes of an event, 4,096 to 1,000,000. @default 245_760 (240 KiB) */
  readonly eventBudgetBytes?: number;
  /** For S3 and EventBridge. @default - the SDK's provider chain */
  readonly credentials?: NonNullable<EventBridgeClientConfig['credentials']>;
  /** EventBridge's region. @default - the SDK's */
  readonly region?: string;
  /** EventBridge's endpoint, an absolute URL. @default - AWS's */
  readonly endpoint?: string;
  /** Used as it is; should have `maxAttempts: 1`. */
  readonly eventBridge?: EventBridgeClient;
  /** Attempts of one event on the bus. @default 8 attempts, full jitter from 200 ms to 20 s */
  readonly retry?: RetryOptions;
  readonly signal?: AbortSignal;
  /** Told after every page of up to a hundred events. */
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** Told of every payload that a preflight finds wanting, when it is found. */
  readonly onFinding?: (finding: PayloadFinding) => void;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default Math.random */
  readonly random?: Random;
  /** @default silentLogger */
  readonly logger?: Logger;
}

/** How far a replay is. */
export interface ReplayProgress extends ReplayCounts {
  readonly replayId: string;
  /** From 0 to 1, where the source knows. */
  readonly fraction?: number;
}

export const replayDefaults = { ratePerSecond: 100, maxReplayCount: 10, urlTtlSeconds: 900 } as const;

/** Options with every default filled in. */
export interface ResolvedReplayOptions {
  readonly source: ReplaySource;
  readonly bus: string;
  readonly filterOptions: EventFilterOptions;
  readonly filter: EventFilter;
  readonly consumer: string | undefined;
  readonly again: boolean;
  readonly unhandledOnly: boolean;
  readonly skipGone: boolean;
  readonly dryRun: boolean;
  readonly ratePerSecond: number;
  readonly pace: Pacer;
  readonly limit: number | undefined;
  readonly maxReplayCount: number;
  readonly replayId: string;
  readonly resume: boolean;
  readonly records: Records | undefined;
  readonly stores: Stores | undefined;
  readonly urlTtlSeconds: number;
  readonly eventBudgetBytes: number;
  readonly retry: Required<RetryOptions>;
  readonly onFinding: (finding: PayloadFinding) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** @throws {TypeError|RangeError} naming the field, the value and what was expected */
export function resolveReplayOptions(options: ReplayOptions): ResolvedReplayOptions {
  const { source, records, again = false, unhandledOnly = false, dryRun = false, resume = false } = options;
  const { consumer, limit, stores } = options;
  const clock = options.clock ?? systemClock;
  const label = (field: string, value: string | undefined): string | undefined => {
    if (value === undefined || (typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value))) return value;
    throw new TypeError(`${field}: got ${show(value)}, expected 1 to 128 characters of A-Z a-z 0-9 . _ : -`);
  };
  if (again && unhandledOnly)
    throw new TypeError('again: got true beside unhandledOnly, expected one of the two');
  if (unhandledOnly && (consumer === undefined || records === undefined))
    throw new TypeError(
      'unhandledOnly: got true, expected consumer and records (the control bucket) beside it',
    );
  if (resume && (records === undefined || !source.resumable || options.replayId === undefined || dryRun))
    throw new TypeError(
      'resume: got true, expected replayId and records beside it, a source whose order lasts, and no dry run',
    );
  if (options.skipGone === true && stores === undefined)
    throw new TypeError('skipGone: got true, expected stores beside it');
  const ratePerSecond = options.ratePerSecond ?? replayDefaults.ratePerSecond;
  const ttl = options.urlTtlSeconds ?? replayDefaults.urlTtlSeconds;
  if (options.endpoint !== undefined) httpUrl('endpoint', options.endpoint);
  const bounded = (field: string, value: number, min: number, max: number, unit = ''): number =>
    numberInRange(field, value, { min, max, ...(unit === '' ? {} : { unit }) });
  return {
    source,
    bus: nonEmptyString('bus', options.bus),
    filterOptions: options.filter ?? {},
    filter: createEventFilter(options.filter),
    consumer: label('consumer', consumer),
    again,
    unhandledOnly,
    skipGone: options.skipGone === true,
    dryRun,
    ratePerSecond,
    pace: createPacer(ratePerSecond, clock),
    limit: limit === undefined ? undefined : bounded('limit', limit, 1, 1_000_000_000),
    maxReplayCount: bounded(
      'maxReplayCount',
      options.maxReplayCount ?? replayDefaults.maxReplayCount,
      1,
      1_000_000,
    ),
    replayId: label('replayId', options.replayId) ?? mintEventId(clock),
    resume,
    records,
    stores: stores === undefined ? undefined : toStores(stores),
    urlTtlSeconds:
      ttl === false || stores === undefined ? 0 : bounded('urlTtlSeconds', ttl, 0, MAX_PRESIGN_SECONDS, 's'),
    eventBudgetBytes: bounded(
      'eventBudgetBytes',
      options.eventBudgetBytes ?? EVENT_BUDGET_BYTES,
      4096,
      1_000_000,
      'bytes',
    ),
    retry: resolveRetryOptions(options.retry),
    onFinding: options.onFinding ?? (() => {}),
    clock,
    random: options.random ?? Math.random,
    logger: redactingLogger(options.logger ?? silentLogger),
  };
}
