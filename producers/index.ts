export type {
  AttachmentNaming,
  AttachmentSource,
  BufferAttachment,
  PathAttachment,
  StoredAttachment,
  StoredPayload,
  StreamAttachment,
} from './attachment-source.ts';
export * from './dlq/index.ts';
export { createEventFilter, type EventFilter, type EventFilterOptions } from './event-filter.ts';
export { mintedAtMs, mintEventId } from './event-id.ts';
export * from './ledger/index.ts';
export { DEFAULT_MEDIA_TYPE, mediaTypeFor } from './media-type.ts';
export { MANIFEST_ID, payloadKey, type PayloadKeyParts } from './payload-key.ts';
export type { OutboxItem, OutboxStore } from './outbox/index.ts';
export type { PublishInput, UploadProgress } from './publish-input.ts';
export {
  createUploadPresigner,
  type PresignedPostForm,
  type PresignedPut,
  type PresignPostRequest,
  type PresignPutRequest,
  type UploadPresigner,
} from './presign-upload.ts';
export { createPublisher, type Publisher, type PublishResult } from './publisher.ts';
export {
  publisherDefaults,
  resolvePublisherOptions,
  type PublisherOptions,
  type ResolvedPublisherOptions,
} from './publisher-options.ts';
export {
  createEventPutter,
  type EventPutter,
  type EventPutterOptions,
  type OutgoingEvent,
} from './put-events.ts';
export type { UploadReport } from './upload-attachments.ts';
export * from './replay/index.ts';
export * from './revocation/index.ts';
export * from './sweeper/index.ts';
export * from './upload/index.ts';
export * from './upload-service/index.ts';
export * from './url-service/index.ts';
export {
  PublishConflictError,
  PublishError,
  RedriveError,
  ReplayError,
  RevocationError,
} from '../shared/errors.ts';
export {
  createClaimCheckSigner,
  createClaimCheckVerifier,
  generateProducerKey,
  parseProducerKeys,
  parseSigningKey,
  serialiseProducerKeys,
  serialiseSigningKey,
  type ClaimCheckClaims,
  type ClaimCheckSigner,
  type ClaimCheckVerifier,
  type ProducerKey,
  type SigningKeyFile,
} from '../shared/claim-check.ts';
export { createRecords, type Records, type RecordsOptions } from '../shared/records/index.ts';
