export { bufferSource } from './buffer-source.ts';
export { createUploadTransport, type UploadTransportOptions } from './choose-transport.ts';
export { fileSource } from './file-source.ts';
export {
  MAX_BUFFERED_PART_BYTES,
  resolveUploadOptions,
  uploadDefaults,
  type ResolvedUploadOptions,
  type UploadOptions,
  type UploadTransportKind,
} from './options.ts';
export { createSdkTransport, type SdkTransportOptions } from './sdk-transport.ts';
export type { SourceReader, UploadSource } from './source.ts';
export type { FileSpan, PartBody } from './span.ts';
export { streamSource } from './stream-source.ts';
export {
  UploadTransportError,
  type CompleteRequest,
  type HeadResult,
  type ListedPart,
  type MultipartUpload,
  type ObjectAddress,
  type OpenUploads,
  type PutObjectRequest,
  type StoredObject,
  type UploadFailure,
  type UploadedPart,
  type UploadPartRequest,
  type UploadSpanRequest,
  type UploadTarget,
  type UploadTransport,
} from './transport.ts';
export { upload, type UndigestedUploadResult, type UploadContext, type UploadResult } from './upload.ts';
export { UploadConflictError, UploadError } from '../../shared/errors.ts';
export {
  resolveStores,
  type Store,
  type StoreOptions,
  type Stores,
  type StoresOptions,
} from '../../shared/stores.ts';
