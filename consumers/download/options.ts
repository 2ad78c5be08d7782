import type { Writable } from 'node:stream';
import { systemClock, type Clock, type Random } from '../../shared/clock.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { numberInRange, show } from '../../shared/options.ts';
import { resolveRetryOptions, type RetryOptions } from '../../shared/retry.ts';
import type { Stores, StoresOptions } from '../../shared/stores.ts';
import type { UrlSource } from '../url-source.ts';
import { isTransportKind, type TransportKind } from './auto-transport.ts';
import { createClockOffset, type ClockOffset } from './clock-offset.ts';
import type { DownloadEvent } from './result.ts';
import { sharedTransport } from './shared-transports.ts';
import type { Transport } from './transport.ts';
import type { ProxyOptions } from './undici-transport.ts';

/** Where the bytes go: a file, which can be resumed by a later process, or a stream, which cannot. */
export type DownloadTarget =
  | {
      /** The finished file. It appears, or is replaced, at once and only when verified. */
      readonly path: string;
      /** Where bytes stand until then; on the same file system. @default - `path` + `.waybill-part` */
      readonly partialPath?: string;
    }
  /** Ended after verification; destroyed with the error otherwise. */
  | { readonly writable: Writable };

/** What is compared at the end. */
export interface VerifyOptions {
  /** SHA-256 of the bytes against the event's digest. @default true */
  readonly sha256?: boolean;
  /** CRC32C against `checksum`, when that is CRC32C over the full object. @default true */
  readonly crc32c?: boolean;
}

/** What all downloads take. */
export interface TransferOptions {
  /** HTTP: which engine of the process, or one of your own (`createTransport`), which you close. @default 'auto' */
  readonly transport?: TransportKind | Transport;
  /** Proxies to go through, with undici; not with a transport of your own. @default - none; the environment is not looked at */
  readonly proxy?: ProxyOptions;
  /** @default - the machine's clock */
  readonly clock?: Clock;
  /** Jitter. @default Math.random */
  readonly random?: Random;
  /** @default - silent */
  readonly logger?: Logger;
  /** Ends the download with the signal's reason; the partial file and its journal stay. */
  readonly signal?: AbortSignal;
  /** Bytes of one range, and what a killed process loses at most per connection. From 1 to 5 GiB. @default 8_388_608 */
  readonly partSizeBytes?: number;
  /** Ranges under way at once. From 1 to 32; about one for each 85 MB/s that shall be reached with S3. @default 8 */
  readonly connections?: number;
  /** Files smaller than this are fetched by one GET without a range, in bytes. @default 16_777_216 */
  readonly singleGetBelowBytes?: number;
  /**
   * Longest silence tolerated, before the head or between two chunks, in milliseconds. Restarts on every chunk, so
   * slow but moving transfers survive. The request is then repeated from the byte reached.
   * @default 30_000
   * @throws {TransferStalledError} when the retry budget is used up
   */
  readonly stallTimeoutMs?: number;
  /** Longest wait for a connection, in milliseconds; not with a transport of your own. @default 10_000 */
  readonly connectTimeoutMs?: number;
  /**
   * Longest the whole download may take, in milliseconds.
   * @default - no limit
   * @throws {DeadlineExceededError} when exceeded
   */
  readonly deadlineMs?: number;
  /** Budget of network retries per range; full again after every byte of progress. */
  readonly retry?: RetryOptions;
  readonly verify?: VerifyOptions;
  /**
   * Flush a file and its directory before it counts as there. Without, it may be lost in a power cut.
   * @default true
   */
  readonly durable?: boolean;
  /**
   * Slowest pace of a connection that is tolerated, in bytes per second over ten seconds of waiting for bytes. The
   * request is then repeated from the byte reached, as after a stall. From 0 to 1 GiB/s.
   * @default 0, no limit
   */
  readonly minBytesPerSecond?: number;
  /**
   * Ask once more for the rest of a part that is much slower than the others, when nothing else is left to ask for;
   * whichever comes first counts. For a file. Takes up to 16 MiB more memory while it lasts.
   * @default true
   */
  readonly hedge?: boolean;
  /** What is known of the stores' clock; share one between downloads. @default - a new one */
  readonly clockOffset?: ClockOffset;
  /** Hears what happens. What it throws is logged and ignored. */
  readonly onEvent?: (event: DownloadEvent) => void;
}

/** How to download an attachment. */
export interface DownloadOptions extends TransferOptions {
  /** Where the logical names of events lead. */
  readonly stores: StoresOptions | Stores;
  /** Where fresh URLs come from. @default - none: an expired URL ends the download */
  readonly urlSource?: UrlSource;
  /** Ask for a fresh URL before the current one expires. False leaves it to the store's refusal. @default true */
  readonly earlyRefetch?: boolean;
  /** Fresh URLs asked for in a row without a byte of progress. From 1 to 100. @default 3 */
  readonly maxRefetchesWithoutProgress?: number;
}

/** How to download from a bare presigned URL. */
export interface DownloadUrlOptions extends TransferOptions {
  /** RFC 9530 text to compare with. @default - the SHA-256 is computed and reported, not compared */
  readonly digest?: string;
  /** Bytes expected. @default - learned from the store */
  readonly size?: number;
  /** Etag expected. @default - that of the first reply */
  readonly etag?: string;
}

export const downloadDefaults = {
  partSizeBytes: 8 * 1024 ** 2,
  connections: 8,
  transport: 'auto',
  singleGetBelowBytes: 16 * 1024 ** 2,
  earlyRefetch: true,
  stallTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  deadlineMs: undefined,
  maxRefetchesWithoutProgress: 3,
  verify: { sha256: true, crc32c: true },
  durable: true,
  minBytesPerSecond: 0,
  hedge: true,
} as const;

/** Options with every default filled in. */
export interface ResolvedTransferOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
  readonly partSizeBytes: number;
  readonly connections: number;
  readonly singleGetBelowBytes: number;
  readonly stallTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly deadlineMs: number | undefined;
  readonly retry: Required<RetryOptions>;
  readonly verify: Required<VerifyOptions>;
  readonly durable: boolean;
  readonly minBytesPerSecond: number;
  readonly hedge: boolean;
  readonly clockOffset: ClockOffset;
  readonly onEvent: ((event: DownloadEvent) => void) | undefined;
  readonly earlyRefetch: boolean;
  readonly maxRefetchesWithoutProgress: number;
}

const TIMEOUT = { min: 1, max: 2 ** 31 - 1, unit: 'ms' } as const;
const DAY_MS = 86_400_000;

/**
 * Checks every field and fills in the defaults.
 * @throws {RangeError|TypeError} naming the field, the value given and what is allowed
 */
export function resolveTransferOptions(
  options: TransferOptions & Pick<DownloadOptions, 'earlyRefetch' | 'maxRefetchesWithoutProgress'>,
): ResolvedTransferOptions {
  const d = downloadDefaults;
  const { deadlineMs } = options;
  const connectTimeoutMs = numberInRange(
    'connectTimeoutMs',
    options.connectTimeoutMs ?? d.connectTimeoutMs,
    TIMEOUT,
  );
  return {
    transport: transportOf(options, connectTimeoutMs),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    logger: options.logger === undefined ? silentLogger : redactingLogger(options.logger),
    signal: options.signal,
    partSizeBytes: numberInRange('partSizeBytes', options.partSizeBytes ?? d.partSizeBytes, {
      min: 1,
      max: 5 * 1024 ** 3,
      unit: 'bytes',
    }),
    connections: numberInRange('connections', options.connections ?? d.connections, { min: 1, max: 32 }),
    singleGetBelowBytes: numberInRange(
      'singleGetBelowBytes',
      options.singleGetBelowBytes ?? d.singleGetBelowBytes,
      { min: 0, max: Number.MAX_SAFE_INTEGER, unit: 'bytes' },
    ),
    stallTimeoutMs: numberInRange('stallTimeoutMs', options.stallTimeoutMs ?? d.stallTimeoutMs, TIMEOUT),
    connectTimeoutMs,
    deadlineMs:
      deadlineMs === undefined
        ? undefined
        : numberInRange('deadlineMs', deadlineMs, { min: 1, max: 24 * DAY_MS, unit: 'ms' }),
    retry: resolveRetryOptions(options.retry),
    verify: {
      sha256: flag('verify.sha256', options.verify?.sha256 ?? d.verify.sha256),
      crc32c: flag('verify.crc32c', options.verify?.crc32c ?? d.verify.crc32c),
    },
    durable: flag('durable', options.durable ?? d.durable),
    minBytesPerSecond: numberInRange('minBytesPerSecond', options.minBytesPerSecond ?? d.minBytesPerSecond, {
      min: 0,
      max: 1024 ** 3,
      unit: 'bytes/s',
    }),
    hedge: flag('hedge', options.hedge ?? d.hedge),
    clockOffset: options.clockOffset ?? createClockOffset(),
    onEvent: options.onEvent,
    earlyRefetch: flag('earlyRefetch', options.earlyRefetch ?? d.earlyRefetch),
    maxRefetchesWithoutProgress: numberInRange(
      'maxRefetchesWithoutProgress',
      options.maxRefetchesWithoutProgress ?? d.maxRefetchesWithoutProgress,
      { min: 1, max: 100 },
    ),
  };
}

function transportOf(
  { transport = downloadDefaults.transport, proxy }: TransferOptions,
  timeoutMs: number,
): Transport {
  if (isTransportKind(transport)) return sharedTransport(transport, timeoutMs, proxy);
  if (typeof transport === 'object' && typeof transport?.get === 'function') return transport;
  throw new TypeError(
    `transport: got ${show(transport)}, expected "auto", "fast", "undici" or an object with get and close`,
  );
}

function flag(field: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${field}: got ${show(value)}, expected true or false`);
}
