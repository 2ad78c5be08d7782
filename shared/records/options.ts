import type { S3Client } from '@aws-sdk/client-s3';
import { systemClock, type Clock, type Random } from '../clock.ts';
import { redactingLogger, silentLogger, type Logger } from '../logger.ts';
import { numberInRange } from '../options.ts';
import { resolveRetryOptions, retryDefaults, type RetryOptions } from '../retry.ts';
import { s3ClientFor, type S3ClientOptions } from '../s3-client.ts';
import { resolveStore, type StoreOptions } from '../stores.ts';

/** Where records live, and how they are reached. */
export interface RecordsOptions {
  /** The control bucket. It needs no versioning: records protect themselves by conditions. */
  readonly control: StoreOptions;
  /** Used as it is, and not destroyed by `close()`; should have `maxAttempts: 1`. @default - one of its own */
  readonly client?: S3Client | undefined;
  /** @default the SDK's provider chain */
  readonly credentials?: S3ClientOptions['credentials'] | undefined;
  /** Attempts per request. @default 8 attempts, full jitter from 200 ms to 20 s */
  readonly retry?: RetryOptions | undefined;
  /** Longest one request may take, in milliseconds; the attempt then counts as failed. @default 30_000 */
  readonly attemptTimeoutMs?: number | undefined;
  /** @default systemClock */
  readonly clock?: Clock | undefined;
  /** For backoff. @default Math.random */
  readonly random?: Random | undefined;
  /** @default silentLogger */
  readonly logger?: Logger | undefined;
}

export const recordsDefaults = { retry: retryDefaults, attemptTimeoutMs: 30_000 } as const;

/** Options with every default filled in. */
export interface ResolvedRecordsOptions {
  readonly bucket: string;
  readonly client: S3Client;
  /** True if `client` is to be destroyed with the records. */
  readonly ownsClient: boolean;
  readonly retry: Required<RetryOptions>;
  readonly attemptTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Checks the options and fills in the defaults.
 * @throws {TypeError|RangeError} naming the field, the value and what was expected
 */
export function resolveRecordsOptions(options: RecordsOptions): ResolvedRecordsOptions {
  const store = resolveStore('control', options.control);
  const { credentials, client } = options;
  const attemptTimeoutMs = options.attemptTimeoutMs ?? recordsDefaults.attemptTimeoutMs;
  return {
    bucket: store.bucket,
    client:
      client ?? s3ClientFor(store, { maxAttempts: 1, ...(credentials === undefined ? {} : { credentials }) }),
    ownsClient: client === undefined,
    retry: resolveRetryOptions(options.retry),
    attemptTimeoutMs: numberInRange('attemptTimeoutMs', attemptTimeoutMs, {
      min: 1,
      max: 2 ** 31 - 1,
      unit: 'ms',
    }),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    logger: redactingLogger(options.logger ?? silentLogger),
  };
}
