export {
  MAX_REASON_BYTES,
  readRejection,
  REJECT_ATTRIBUTE,
  rejectId,
  type Rejection,
} from './dead-letter.ts';
export * from './download/index.ts';
export * from './idempotency/index.ts';
export {
  createSqsHandler,
  sqsHandlerDefaults,
  type LambdaBatchResponse,
  type LambdaInvocation,
  type LambdaSqsAttribute,
  type LambdaSqsEvent,
  type LambdaSqsRecord,
  type SqsHandler,
  type SqsHandlerOptions,
} from './lambda.ts';
export { assignPaths, safeRelativePath } from './names.ts';
export {
  HandlerTimeoutError,
  LeaseLostError,
  Reject,
  RetryLater,
  WorkerStoppedError,
  type RetryLaterOptions,
} from './outcomes.ts';
export { saveEvent, type SaveEventOptions } from './save-event.ts';
export { ownCredentials, type OwnCredentialsOptions } from './own-credentials.ts';
export { urlServiceClient, type UrlServiceClientOptions } from './url-service-client.ts';
export type { FreshUrl, UrlSource } from './url-source.ts';
export {
  serveWorkerHealth,
  type HealthOptions,
  type HealthServer,
  type WorkerHealth,
} from './health/server.ts';
export { startHeartbeat, type Heartbeat, type HeartbeatOptions } from './visibility.ts';
export {
  createWorker,
  workerDefaults,
  type BackoffOptions,
  type CircuitStatus,
  type EventSchemas,
  type Handler,
  type HandlerContext,
  type IdempotencyOptions,
  type ReceivedAttachment,
  type ReceivedEvent,
  type ReceivedEventOf,
  type SavedFile,
  type SharedFailure,
  type SaveOptions,
  type SqsConnection,
  type Worker,
  type WorkerDownloadOptions,
  type WorkerEvent,
  type WorkerOptions,
  type WorkerStats,
} from './worker.ts';
export {
  createClaimCheckVerifier,
  parseProducerKeys,
  type ClaimCheckVerifier,
  type ProducerKey,
} from '../shared/claim-check.ts';
