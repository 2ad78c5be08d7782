export {
  directoryIdempotencyStore,
  pruneIdempotencyDirectory,
  type DirectoryStoreOptions,
} from './directory-store.ts';
export { createLeaseStore, type LeaseStoreOptions } from './lease-store.ts';
export { memoryIdempotencyStore } from './memory-store.ts';
export type { AcquireOptions, Acquisition, Completion, IdempotencyStore, Lease } from './types.ts';
export { idempotencyText, type IdempotencyKey, type IdempotencyRecord } from '../../shared/idempotency.ts';
export { IdempotencyRecordError, IdempotencyStoreError } from './errors.ts';
export { s3IdempotencyStore, type S3IdempotencyStore, type S3IdempotencyStoreOptions } from './s3-store.ts';
export type { Register, RegisterCall, Stored } from './register.ts';
