import { IDEMPOTENCY_PREFIX } from '../../shared/idempotency.ts';
import { createRecords, type RecordsOptions } from '../../shared/records/index.ts';
import { createLeaseStore, type LeaseStoreOptions } from './lease-store.ts';
import type { IdempotencyStore } from './types.ts';

/** Where the records are, as whom they are reached, how often is tried; and what every store may be told. */
export type S3IdempotencyStoreOptions = RecordsOptions & LeaseStoreOptions;

/** A store that may have a client to close. */
export interface S3IdempotencyStore extends IdempotencyStore {
  /** Closes the client, if it is the store's own. */
  close(): void;
}

/**
 * Idempotency records in a control bucket, by conditional writes: `idempotency/<consumer>/<source>/<event id>`. Two PUTs an
 * event, one more for each renewal. Needs `s3:GetObject` and `s3:PutObject` on `idempotency/<consumer>/*`, and a lifecycle
 * rule that expires the prefix later than any redelivery and any replay.
 *
 * @throws {TypeError|RangeError} naming the option that is wrong
 * @example
 * const idempotency = s3IdempotencyStore({ control: { bucket: 'exchange-control', region: 'eu-central-1' } });
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function s3IdempotencyStore(options: S3IdempotencyStoreOptions): S3IdempotencyStore {
  const records = createRecords(options);
  const store = createLeaseStore(
    {
      create: async (key, body, call) => await records.create(IDEMPOTENCY_PREFIX + key, body, call),
      replace: async (key, body, etag, call) =>
        await records.replace(IDEMPOTENCY_PREFIX + key, body, etag, call),
    },
    options,
  );
  return { ...store, close: () => records.close() };
}
