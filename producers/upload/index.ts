export { bufferSource } from './buffer-source.ts';
export { fileSource } from './file-source.ts';
export {
  MAX_BUFFERED_PART_BYTES,
  resolveUploadOptions,
  uploadDefaults,
  type ResolvedUploadOptions,
  type UploadOptions,
} from './options.ts';
export { createSdkTransport, type SdkTransportOptions } from './sdk-transport.ts';
export type { SourceReader, UploadSource } from './source.ts';
export { streamSource } from './stream-source.ts';
export {
  UploadTransportError,
  type CompleteRequest,
  type HeadResult,
  type MultipartUpload,
  type ObjectAddress,
  type PutObjectRequest,
  type StoredObject,
  type UploadFailure,
  type UploadedPart,
  type UploadPartRequest,
  type UploadTarget,
  type UploadTransport,
} from './transport.ts';
export { upload, type UploadContext, type UploadResult } from './upload.ts';
