/*
 * A download, as a machine of states.
 *
 *   fresh ─▶ transferring ─▶ verifying ─▶ done
 *              │      ▲          │
 *              ▼      │          └─▶ (digest differs: once more from zero)
 *           expired ─▶ refetching
 *
 * fresh         Nothing has been asked for. A partial file of an earlier process is read back, checked part by
 *               part against its journal, and kept as far as it is right.
 * transferring  Ranges are under way (fetch-missing.ts), or bytes come in order (read-in-order.ts). Before each request
 *               the URL is looked at (url-keeper.ts): near its end it is renewed first. Each reply is judged by one
 *               table (shared/s3-replies.ts); what is not good is an interruption, and recovery.ts says what
 *               follows: a fresh URL, a pause, or the end. read-span.ts then goes on at the very next byte.
 * expired       The store refused the URL. Requests under way go on: S3 looks at the time only when they begin.
 * refetching    One call for all ranges. Three in a row without a byte of progress are the end.
 * verifying     SHA-256 has followed the bytes as they came (verifier.ts), CRC32C is combined from the parts.
 * done          Flushed, renamed, directory flushed, journal removed.
 * failed        From anywhere. What is on disk stays for the next attempt, unless it is known to be wrong.
 *
 * Replies that are not of the bytes asked for, and sums that differ, drop everything and begin again, once each.
 */
export { createTransport, type CreateTransportOptions, type TransportKind } from './auto-transport.ts';
export { createClockOffset, type ClockOffset } from './clock-offset.ts';
export { download } from './download.ts';
export { downloadBytes } from './download-bytes.ts';
export { downloadStream } from './download-stream.ts';
export { downloadUrl } from './download-url.ts';
export { createBlockPool, type BlockPool, type BlockPoolOptions } from './fast/block-pool.ts';
export { createFastTransport, type FastTransportOptions } from './fast/fast-transport.ts';
export {
  downloadDefaults,
  type DownloadOptions,
  type DownloadTarget,
  type DownloadUrlOptions,
  type TransferOptions,
  type VerifyOptions,
} from './options.ts';
export type { DownloadEvent, DownloadResult, RefetchReason, ResumeReason } from './result.ts';
export type { ThreadsOptions } from './threads/threads.ts';
export {
  TransportError,
  type FilePlace,
  type Placed,
  type Transport,
  type TransportFailure,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';
export { createUndiciTransport, type ProxyOptions, type UndiciTransportOptions } from './undici-transport.ts';
export type { Access, Attachment } from '../../shared/events/index.ts';
export { SecretUrl } from '../../shared/secret.ts';
export {
  resolveStores,
  type Store,
  type StoreOptions,
  type Stores,
  type StoresOptions,
} from '../../shared/stores.ts';
