import type { FileSpan } from './span.ts';

/** Where an object goes. */
export interface ObjectAddress {
  readonly bucket: string;
  readonly key: string;
}

/** Where an object goes, and what it is. */
export interface UploadTarget extends ObjectAddress {
  readonly mediaType: string;
}

/** What S3 says of an object that it holds. Fields that a server leaves out are undefined. */
export interface StoredObject {
  readonly etag: string | undefined;
  readonly versionId: string | undefined;
  /** CRC32C of the whole object, Base64. */
  readonly crc32c: string | undefined;
}

export interface HeadResult extends StoredObject {
  readonly sizeBytes: number;
}

export interface PutObjectRequest extends UploadTarget {
  readonly body: Buffer;
  /** Base64. */
  readonly crc32c: string;
}

/** One multipart upload under way. */
export interface MultipartUpload extends ObjectAddress {
  readonly uploadId: string;
}

export interface UploadPartRequest extends MultipartUpload {
  /** Counted from 1. */
  readonly partNumber: number;
  readonly body: Buffer;
  /** Base64. */
  readonly crc32c: string;
}

export type UploadSpanRequest = Omit<UploadPartRequest, 'body'> & { readonly body: FileSpan };

export interface UploadedPart {
  readonly partNumber: number;
  readonly etag: string;
  /** Base64. */
  readonly crc32c: string;
}

/** A part that S3 holds. */
export interface ListedPart extends UploadedPart {
  readonly sizeBytes: number;
}

export interface CompleteRequest extends MultipartUpload {
  /** In ascending order of part number. */
  readonly parts: readonly UploadedPart[];
  /** CRC32C of the whole object, Base64; S3 compares it with its own. */
  readonly crc32c: string;
  readonly sizeBytes: number;
}

/** The multipart uploads that are open. Throws like the methods of {@link UploadTransport}. */
export interface OpenUploads {
  /** The latest of this very key that has a full-object CRC32C; undefined when there is none. */
  find(address: ObjectAddress, signal?: AbortSignal): Promise<string | undefined>;
  /** All parts that it holds, those whose CRC32C S3 does not tell left out. */
  parts(upload: MultipartUpload, signal?: AbortSignal): Promise<readonly ListedPart[]>;
}

/**
 * What an uploader asks of S3, one attempt per call: retries are the uploader's. `putObject` and `complete` are
 * write-once (`If-None-Match: *`). A faster engine takes the SDK's place behind this interface.
 *
 * Every method throws an {@link UploadTransportError}, or the signal's reason once it has aborted.
 */
export interface UploadTransport {
  putObject(request: PutObjectRequest, signal?: AbortSignal): Promise<StoredObject>;
  /** Opens a multipart upload with a full-object CRC32C; returns its uploadId. */
  createMultipart(target: UploadTarget, signal?: AbortSignal): Promise<string>;
  /** Returns the part's etag. */
  uploadPart(request: UploadPartRequest, signal?: AbortSignal): Promise<string>;
  /**
   * The same for a part that is not in memory. Not with signed payloads: their hash comes before the body.
   * @default - parts have to be in memory
   */
  uploadSpan?(request: UploadSpanRequest, signal?: AbortSignal): Promise<string>;
  complete(request: CompleteRequest, signal?: AbortSignal): Promise<StoredObject>;
  abort(upload: MultipartUpload, signal?: AbortSignal): Promise<void>;
  /** The current version of an object, undefined when there is none. */
  head(address: ObjectAddress, signal?: AbortSignal): Promise<HeadResult | undefined>;
  /** What an upload that resumes asks besides. @default - uploads cannot be resumed */
  readonly open?: OpenUploads;
  /** Lets go of connections that it keeps. @default - there are none */
  close?(): void;
}

/**
 * Why an attempt failed, in words that do not depend on the engine.
 *
 * - `transient`: 5xx, throttling, a broken connection. Whether the request took effect is unknown.
 * - `exists`: 412, the key is taken, perhaps by an earlier attempt of our own.
 * - `conflict`: 409 ConditionalRequestConflict, another write to the key was under way.
 * - `no-upload`: the multipart upload is gone: completed (an answer got lost) or aborted.
 * - `permanent`: all else.
 */
export type UploadFailure = 'transient' | 'exists' | 'conflict' | 'no-upload' | 'permanent';

/** One attempt of a transport failed. Uploaders turn it into an UploadError or UploadConflictError. */
export class UploadTransportError extends Error {
  override readonly name = 'UploadTransportError';
  readonly failure: UploadFailure;

  constructor(failure: UploadFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** The failure of a transport's error, undefined for any other error. */
export function transportFailure(error: unknown): UploadFailure | undefined {
  return error instanceof UploadTransportError ? error.failure : undefined;
}
