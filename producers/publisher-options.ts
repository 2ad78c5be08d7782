import type { EventBridgeClient, EventBridgeClientConfig } from '@aws-sdk/client-eventbridge';
import type { S3Client } from '@aws-sdk/client-s3';
import type { ClaimCheckSigner } from '../shared/claim-check.ts';
import { systemClock, type Clock, type Random } from '../shared/clock.ts';
import { EVENT_BUDGET_BYTES, MAX_PRESIGN_SECONDS } from '../shared/limits.ts';
import { redactingLogger, silentLogger, type Logger } from '../shared/logger.ts';
import { httpUrl, nonEmptyString, numberInRange, show } from '../shared/options.ts';
import { resolveRetryOptions, retryDefaults, type RetryOptions } from '../shared/retry.ts';
import { checkRetainDays, minimumRetainDays, type DeliveryTimes } from '../shared/retention.ts';
import {
  resolveStore,
  resolveStores,
  type Store,
  type StoreOptions,
  type StoresOptions,
} from '../shared/stores.ts';
import type { OutboxStore } from './outbox/index.ts';
import { keySegment } from './payload-key.ts';
import {
  resolveUploadOptions,
  uploadDefaults,
  type ResolvedUploadOptions,
  type UploadOptions,
} from './upload/index.ts';

/** How a publisher works. */
export interface PublisherOptions {
  /** The producer's name, 1 to 128 of `A-Z a-z 0-9 . _ -`: a segment of its keys, and the issuer of its claim checks. */
  readonly producer: string;
  /** Stores by logical name. */
  readonly stores: StoresOptions;
  /** Logical name of the store to upload to. @default - the only one */
  readonly store?: string;
  /** Event bus, by name or ARN. */
  readonly bus: string;
  /**
   * Signs claim checks; its issuer must be the producer.
   * @default - events carry no claim check: consumers cannot get a fresh URL for them
   */
  readonly signer?: ClaimCheckSigner;
  /**
   * Life of the presigned URLs, in seconds, 1 to 604,800; 0 or false publishes without them.
   * @default 900
   */
  readonly urlTtlSeconds?: number | false;
  /**
   * Days for which a payload is promised to exist, counted from the event's id; the bucket's lifecycle must agree.
   * 1 to 36,500.
   * @default - the least that `delivery` allows: 73
   */
  readonly retainDays?: number;
  /** How long events may be on their way; `retainDays` must cover it. @default - the longest that AWS keeps them, and 30 days of replay */
  readonly delivery?: DeliveryTimes;
  /**
   * The control bucket, where intents, outbox and ledger are kept.
   * @default - none: `durability` is `none`
   */
  readonly control?: StoreOptions;
  /**
   * `outbox`: whatever is uploaded is published, or reported, also if this process dies at any point; takes `control`.
   * `none`: a publish that dies leaves its payloads behind, and nobody knows.
   * @default 'outbox' with `control`, else 'none'
   */
  readonly durability?: 'outbox' | 'none';
  /** Where events wait between upload and bus. @default - the control bucket */
  readonly outbox?: OutboxStore;
  /** For S3 and EventBridge. @default - the SDK's provider chain */
  readonly credentials?: NonNullable<EventBridgeClientConfig['credentials']>;
  /** EventBridge's region. @default - the bus ARN's, else the store's */
  readonly region?: string;
  /** EventBridge's endpoint, an absolute URL. @default - AWS's */
  readonly endpoint?: string;
  /** Used as it is, and not destroyed by `close()`; should have `maxAttempts: 1`. */
  readonly eventBridge?: EventBridgeClient;
  /** Used as it is, and not destroyed by `close()`; should have `maxAttempts: 1`. */
  readonly s3?: S3Client;
  readonly upload?: UploadOptions;
  /** Most bytes of an event, 4,096 to 1,000,000. @default 245_760 (240 KiB) */
  readonly eventBudgetBytes?: number;
  /** Attempts of one event on the bus. @default 8 attempts, full jitter from 200 ms to 20 s */
  readonly retry?: RetryOptions;
  /** @default - the machine's */
  readonly clock?: Clock;
  /** For backoff, and for the random bits of event ids. @default - Math.random, and crypto for ids */
  readonly random?: Random;
  /** @default - silent */
  readonly logger?: Logger;
}

export const publisherDefaults = {
  urlTtlSeconds: 900,
  eventBudgetBytes: EVENT_BUDGET_BYTES,
  upload: uploadDefaults,
  retry: retryDefaults,
} as const satisfies Partial<PublisherOptions>;

/** A publisher's options, checked, with every default filled in. */
export interface ResolvedPublisherOptions {
  readonly producer: string;
  readonly store: Store;
  readonly bus: string;
  readonly signer: ClaimCheckSigner | undefined;
  /** 0: without access. */
  readonly urlTtlSeconds: number;
  readonly retainDays: number;
  /** Undefined: no records are kept. */
  readonly control: StoreOptions | undefined;
  /** Undefined: the control bucket's. */
  readonly outbox: OutboxStore | undefined;
  readonly credentials: PublisherOptions['credentials'];
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly eventBridge: EventBridgeClient | undefined;
  readonly s3: S3Client | undefined;
  readonly upload: ResolvedUploadOptions;
  readonly eventBudgetBytes: number;
  readonly retry: Required<RetryOptions>;
  readonly clock: Clock;
  readonly random: Random;
  /** Undefined: ids from the cryptographic source. */
  readonly idRandom: Random | undefined;
  readonly logger: Logger;
}

/** Bus names are 1 to 256 characters. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html */
const BUS = /^(arn:aws[\w-]*:events:([a-z]{2}[a-z0-9-]*):\d{12}:event-bus\/)?[/.\-_A-Za-z0-9]{1,256}$/;

/**
 * Checks a publisher's options and fills in the defaults.
 * @throws {TypeError|RangeError} naming the field, the value and what was expected
 */
export function resolvePublisherOptions(options: PublisherOptions): ResolvedPublisherOptions {
  const producer = keySegment('producer', options.producer);
  const store = chooseStore(options);
  const bus = nonEmptyString('bus', options.bus);
  const arn = BUS.exec(bus);
  if (arn === null) throw new TypeError(`bus: got ${show(bus)}, expected the name or ARN of an event bus`);
  const { signer } = options;
  if (signer !== undefined && signer.issuer !== producer) {
    throw new TypeError(`signer.issuer: got ${show(signer.issuer)}, expected the producer ${show(producer)}`);
  }
  const ttl = options.urlTtlSeconds ?? publisherDefaults.urlTtlSeconds;
  const urlTtlSeconds =
    ttl === false ? 0 : numberInRange('urlTtlSeconds', ttl, { min: 0, max: MAX_PRESIGN_SECONDS, unit: 's' });
  if (urlTtlSeconds === 0 && signer === undefined) {
    throw new TypeError('urlTtlSeconds: got 0 without a signer, expected at least one way to the payload');
  }
  const { endpoint, region } = options;
  return {
    producer,
    store,
    bus,
    signer,
    urlTtlSeconds,
    retainDays: retainDaysOf(options),
    control: controlOf(options),
    outbox: options.outbox,
    credentials: options.credentials,
    region: region === undefined ? (arn[2] ?? store.region) : nonEmptyString('region', region),
    endpoint: endpoint === undefined ? undefined : httpUrl('endpoint', endpoint).href,
    eventBridge: options.eventBridge,
    s3: options.s3,
    upload: resolveUploadOptions(options.upload),
    eventBudgetBytes: numberInRange('eventBudgetBytes', options.eventBudgetBytes ?? EVENT_BUDGET_BYTES, {
      min: 4096,
      max: 1_000_000,
      unit: 'bytes',
    }),
    retry: resolveRetryOptions(options.retry),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    idRandom: options.random,
    logger: redactingLogger(options.logger ?? silentLogger),
  };
}

function retainDaysOf({ retainDays, delivery = {} }: PublisherOptions): number {
  const bounds = { min: 1, max: 36_500 };
  const days = numberInRange('retainDays', retainDays ?? minimumRetainDays(delivery), bounds);
  checkRetainDays('retainDays', days, delivery);
  return days;
}

function controlOf({ control, durability, outbox }: PublisherOptions): StoreOptions | undefined {
  const wanted = durability ?? (control === undefined ? 'none' : 'outbox');
  if (wanted !== 'outbox' && wanted !== 'none')
    throw new TypeError(`durability: got ${show(wanted)}, expected 'outbox' or 'none'`);
  if (wanted === 'none') {
    if (outbox === undefined) return undefined;
    throw new TypeError(
      `outbox: got ${show(outbox)}, expected none without \`control\` and durability 'outbox'`,
    );
  }
  if (control === undefined)
    throw new TypeError("control: got nothing, expected the control bucket: durability is 'outbox'");
  resolveStore('control', control);
  return control;
}

function chooseStore(options: PublisherOptions): Store {
  const stores = resolveStores(options.stores);
  const known = stores.names.join(', ') || 'none';
  const { store } = options;
  if (store === undefined) {
    const [only, ...more] = stores.names;
    if (only !== undefined && more.length === 0) return stores.get(only);
    throw new TypeError(`store: got nothing, expected the name of one of the stores (known: ${known})`);
  }
  if (stores.names.includes(store)) return stores.get(store);
  throw new TypeError(`store: got ${show(store)}, expected the name of one of the stores (known: ${known})`);
}
