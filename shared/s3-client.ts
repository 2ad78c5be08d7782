import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { Store } from './stores.ts';

/** What an S3 client needs beside its store. */
export interface S3ClientOptions {
  /** @default the SDK's provider chain */
  readonly credentials?: NonNullable<S3ClientConfig['credentials']>;
  /** Attempts in all, the SDK's own retries. @default 3 */
  readonly maxAttempts?: number;
}

/**
 * An S3 client for a store.
 *
 * Both checksum options are WHEN_REQUIRED: by default the SDK signs the checksum of an empty body into
 * presigned PUT URLs, and with only one of the two set it puts it into GET URLs.
 */
export function s3ClientFor(store: Store, options: S3ClientOptions = {}): S3Client {
  return new S3Client({
    region: store.region,
    forcePathStyle: store.pathStyle,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: options.maxAttempts ?? 3,
    ...(store.endpoint === undefined ? {} : { endpoint: store.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  });
}
