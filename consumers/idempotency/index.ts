export {
  directoryIdempotencyStore,
  pruneIdempotencyDirectory,
  type DirectoryStoreOptions,
} from './directory-store.ts';
export type { LeaseStoreOptions } from './lease-store.ts';
export { memoryIdempotencyStore } from './memory-store.ts';
export type { AcquireOptions, Acquisition, Completion, IdempotencyStore, Lease } from './types.ts';
export { idempotencyText, type IdempotencyKey, type IdempotencyRecord } from '../../shared/idempotency.ts';
export { IdempotencyRecordError } from './record.ts';
export { s3IdempotencyStore, type S3IdempotencyStore, type S3IdempotencyStoreOptions } from './s3-store.ts';
