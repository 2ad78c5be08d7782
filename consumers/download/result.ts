/** Something a download tells while it runs. No URL, no claim check. */
export type DownloadEvent =
  /** The download begins; the size is unknown for a bare URL. */
  | { readonly kind: 'started'; readonly sizeBytes: number | undefined }
  /** New bytes arrived: sent every thousandth of the size, at least 64 KiB and at most 8 MiB apart, and at the end. */
  | { readonly kind: 'progress'; readonly receivedBytes: number; readonly sizeBytes: number }
  /** The store refused a URL as expired. */
  | {
      readonly kind: 'expired';
      readonly atByte: number;
      readonly status: number;
      readonly code: string | undefined;
      readonly message: string | undefined;
    }
  /** A fresh URL is being asked for: before expiry (`early`), or after a refusal. */
  | { readonly kind: 'refetching'; readonly reason: RefetchReason }
  | { readonly kind: 'refetched'; readonly expiresAtMs: number }
  /** Bytes flow again at this byte after an interruption. */
  | { readonly kind: 'resumed'; readonly atByte: number; readonly reason: ResumeReason }
  | {
      readonly kind: 'retrying';
      readonly atByte: number;
      /** Counted from 1, back to 1 after a byte of progress. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  /** What was received so far was dropped; the download begins again at byte 0. A stream only repeats the request. */
  | { readonly kind: 'restarted'; readonly reason: 'range' | 'checksum' }
  /** Bytes taken over from the partial file of an earlier attempt, after reading them back. */
  | { readonly kind: 'journal-resumed'; readonly bytes: number }
  | { readonly kind: 'verifying' }
  | { readonly kind: 'verified'; readonly sha256: boolean; readonly crc32c: boolean };

/** Why a fresh URL was needed. */
export type RefetchReason = 'no-url' | 'early' | 'expired' | 'signer-expired' | 'refused' | 'missing';

/** Why the bytes had stopped. */
export type ResumeReason = 'expired' | 'refused' | 'clock' | 'missing' | 'transient';

/** What a finished download says of itself. */
export interface DownloadResult {
  readonly sizeBytes: number;
  /** SHA-256 of the bytes as RFC 9530 text; undefined only if `verify.sha256` was false. */
  readonly digest: string | undefined;
  /** CRC32C of the bytes, Base64 as S3 writes it. */
  readonly crc32c: string;
  /** True for what was compared with the event and found equal. */
  readonly verified: { readonly sha256: boolean; readonly crc32c: boolean };
  /** The etag that every reply had; undefined if the store sends none. */
  readonly etag: string | undefined;
  /** Body bytes received in good replies, those thrown away later included. */
  readonly fetchedBytes: number;
  /** Bytes received more than once: fetched, less those that were new. */
  readonly repeatedBytes: number;
  /** Fresh URLs asked for. */
  readonly refetches: number;
  /** Requests repeated after a transient fault. */
  readonly retries: number;
  /** Times that all was dropped and begun again. */
  readonly restarts: number;
  /** The bytes at which an interrupted transfer went on. At most the first 1,000 are listed. */
  readonly resumedAtBytes: readonly number[];
  /** Bytes taken over from an earlier process. */
  readonly journalBytes: number;
  readonly durationMs: number;
}
