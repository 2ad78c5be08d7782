export { createClockOffset, type ClockOffset } from './clock-offset.ts';
export { download } from './download.ts';
export { downloadBytes } from './download-bytes.ts';
export { downloadStream } from './download-stream.ts';
export { downloadUrl } from './download-url.ts';
export {
  downloadDefaults,
  type DownloadOptions,
  type DownloadTarget,
  type DownloadUrlOptions,
  type TransferOptions,
  type VerifyOptions,
} from './options.ts';
export type { DownloadEvent, DownloadResult, RefetchReason, ResumeReason } from './result.ts';
export {
  TransportError,
  type Transport,
  type TransportFailure,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';
export { createUndiciTransport, type UndiciTransportOptions } from './undici-transport.ts';
