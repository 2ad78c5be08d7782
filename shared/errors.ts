import { redactText } from './redact.ts';

/**
 * What the receiver of an error should do about it.
 *
 * - `retry`: transient; the same call may succeed later.
 * - `refetch`: the URL is dead, the payload is not; get a fresh URL.
 * - `reject`: this item will never succeed; dead-letter it with the reason.
 * - `unavailable`: something every item shares is broken; stop taking work until it recovers.
 */
export type Disposition = 'retry' | 'refetch' | 'reject' | 'unavailable';

export interface WaybillErrorOptions extends ErrorOptions {
  /** Plain values that help a reader of logs; they are redacted. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Base of every error Waybill throws for a reason outside the program (misuse throws TypeError or RangeError). */
export abstract class WaybillError extends Error {
  /** Stable literal, safe to match on. */
  abstract readonly code: string;
  abstract readonly disposition: Disposition;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, options: WaybillErrorOptions = {}) {
    super(redactText(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.details = options.details ?? {};
  }
}

/** True for any WaybillError, also one of another copy of this package. */
export function isWaybillError(value: unknown): value is WaybillError {
  return (
    value instanceof Error &&
    typeof (value as Partial<WaybillError>).code === 'string' &&
    ['retry', 'refetch', 'reject', 'unavailable'].includes((value as Partial<WaybillError>).disposition ?? '')
  );
}

/** One thing wrong with an event: where, what stood there, what was expected. */
export interface ParseIssue {
  /** `data.attachments[0].size`; empty for the whole. */
  readonly path: string;
  /** A short rendering of what was there; secrets are hidden. */
  readonly value: string;
  readonly expected: string;
}

/** The message is not a valid event. */
export class EventParseError extends WaybillError {
  readonly code = 'event-parse';
  readonly disposition = 'reject';
  readonly issues: readonly ParseIssue[];

  constructor(issues: readonly ParseIssue[], options: WaybillErrorOptions = {}) {
    const lines = issues.map(
      ({ path, value, expected }) => `${path || 'event'}: got ${value}, expected ${expected}`,
    );
    super(`invalid event: ${lines.join('; ')}`, options);
    this.issues = issues;
  }
}

/** The event does not fit its byte budget, even without `access`. */
export class EventTooLargeError extends WaybillError {
  readonly code = 'event-too-large';
  readonly disposition = 'reject';
}

/** The event names a store that this process has no configuration for. */
export class UnknownStoreError extends WaybillError {
  readonly code = 'unknown-store';
  readonly disposition = 'reject';
}

/** `access` points somewhere else than the store, key and version that the event names. */
export class ForeignUrlError extends WaybillError {
  readonly code = 'foreign-url';
  readonly disposition = 'reject';
}

/** The claim check is malformed, not for this payload, or signed by the wrong key. */
export class ClaimCheckError extends WaybillError {
  readonly code = 'claim-check';
  readonly disposition = 'reject';
}

/** The presigned URL has expired, or its signer's session has. */
export class UrlExpiredError extends WaybillError {
  readonly code = 'url-expired';
  readonly disposition = 'refetch';
}

/** The payload no longer exists, or was revoked. */
export class PayloadGoneError extends WaybillError {
  readonly code = 'payload-gone';
  readonly disposition = 'reject';
}

/** The object behind the URL is not the one that the event names. */
export class ObjectChangedError extends WaybillError {
  readonly code = 'object-changed';
  readonly disposition = 'reject';
}

/** S3 answered another range than the one asked for, also after starting again. */
export class RangeMismatchError extends WaybillError {
  readonly code = 'range-mismatch';
  readonly disposition = 'reject';
}

/** The bytes do not have the digest or checksum that the event names, also after starting again. */
export class ChecksumMismatchError extends WaybillError {
  readonly code = 'checksum-mismatch';
  readonly disposition = 'reject';
}

/** The payload is larger than the receiver allows. */
export class SizeLimitError extends WaybillError {
  readonly code = 'size-limit';
  readonly disposition = 'reject';
}

/** No byte arrived for the stall timeout. */
export class TransferStalledError extends WaybillError {
  readonly code = 'transfer-stalled';
  readonly disposition = 'retry';
}

/** A transient fault (5xx, reset, short body, throttling) outlasted the retry budget. */
export class TransferError extends WaybillError {
  readonly code = 'transfer';
  readonly disposition = 'retry';
}

/** The overall deadline passed. */
export class DeadlineExceededError extends WaybillError {
  readonly code = 'deadline-exceeded';
  readonly disposition = 'retry';
}

/** S3 refuses for a reason a fresh URL does not mend: policy, key, bucket or clock. */
export class AccessRefusedError extends WaybillError {
  readonly code = 'access-refused';
  readonly disposition = 'unavailable';
}

/** No fresh URL can be had: the URL service is down, or refuses this caller. */
export class UrlServiceError extends WaybillError {
  readonly code = 'url-service';
  readonly disposition = 'unavailable';
}

/** The local disk refuses: full, read-only, no permission. */
export class StorageError extends WaybillError {
  readonly code = 'storage';
  readonly disposition = 'unavailable';
}

/** The key of an upload is taken by other bytes. */
export class UploadConflictError extends WaybillError {
  readonly code = 'upload-conflict';
  readonly disposition = 'reject';
}

/** The upload failed after its retries, or the stored object is not the one that was sent. */
export class UploadError extends WaybillError {
  readonly code = 'upload';
  readonly disposition = 'retry';
}

/** EventBridge did not take the event within its retries. */
export class PublishError extends WaybillError {
  readonly code = 'publish';
  readonly disposition = 'retry';
}

/** The control bucket cannot be read or written: every item shares it. */
export class RecordsError extends WaybillError {
  readonly code = 'records';
  readonly disposition = 'unavailable';
}

/** A dead-letter queue could not be redriven: no destination is known, or SQS's own task failed. */
export class RedriveError extends WaybillError {
  readonly code = 'redrive';
  readonly disposition = 'retry';
}

/** A replay cannot be begun, resumed or finished: its id is taken, another process has it, EventBridge gave it up. */
export class ReplayError extends WaybillError {
  readonly code = 'replay';
  readonly disposition = 'retry';
}

/** A payload could not be revoked or erased: there is none, or S3 refused some of its versions. */
export class RevocationError extends WaybillError {
  readonly code = 'revocation';
  readonly disposition = 'retry';
}

/** The id of a publish was used for another event. */
export class PublishConflictError extends WaybillError {
  readonly code = 'publish-conflict';
  readonly disposition = 'reject';
}
