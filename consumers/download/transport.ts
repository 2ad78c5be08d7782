import type { Logger } from '../../shared/logger.ts';

/** A GET that a transport shall make. */
export interface TransportRequest {
  /** The presigned URL, revealed. Its path and query go out byte for byte; nothing is resolved or added. */
  readonly url: string;
  /** Sent as they are, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Ends the request and its body; both then fail. @default - nothing does */
  readonly signal?: AbortSignal | undefined;
  /** Longest wait for the head, and longest silence between two chunks that are waited for, in milliseconds. */
  readonly stallTimeoutMs: number;
  /**
   * Asked when the head of a good reply (200 or 206) has come, with the length of its body: memory of that very length,
   * or none. A transport that can reads the body straight into it, and its chunks are views of it then; others do not ask.
   */
  readonly into?: ((bodyBytes: number) => Buffer | undefined) | undefined;
  /** True if chunks of the body shall stay valid for good, as the reader keeps them. @default false */
  readonly keep?: boolean | undefined;
  /**
   * Bytes of the file that the body is to be a part of. A transport may have it received by another thread then, and offer
   * `place`; without it, the body comes here.
   */
  readonly fileBytes?: number | undefined;
  /** Hears, at level debug, which way the transport takes. */
  readonly logger?: Logger | undefined;
}

/** Where a body shall stand in a file. */
export interface FilePlace {
  /** Open for writing until the exchange is over. */
  readonly fd: number;
  /** Of the body's first byte. */
  readonly position: number;
  /** Of the body; nothing is written beyond. */
  readonly length: number;
}

/** Bytes that stand where they shall. */
export interface Placed {
  readonly length: number;
  readonly crc32c: number;
}

/** An answer whose head has arrived. */
export interface TransportResponse {
  readonly status: number;
  /** Names in lower case; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it stands on the wire, never decoded. A chunk is valid until the next one is asked for, unless `keep` is true. */
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * In place of `body`, where the transport offers it: has the body written into a file, and tells what is, in order; bytes
   * that are too many are told of, too. Ended or abandoned, it writes no more.
   */
  readonly place?: ((place: FilePlace) => AsyncIterable<Placed>) | undefined;
  /** Lets go of a body that is not read to its end. May be called at any time, also twice. */
  discard(): Promise<void> | void;
}

/**
 * What a download needs of HTTP: the seam at which a faster engine can be put in. It follows no redirect,
 * decodes nothing, and adds no header of its own but `Host`.
 */
export interface Transport {
  /**
   * Makes the request and waits for the head.
   * @throws {TransportError} when no answer comes, or its body breaks off or stalls
   * @throws the signal's reason, or any error, once `signal` has aborted
   */
  get(request: TransportRequest): Promise<TransportResponse>;
  /** Closes all connections; requests under way fail. */
  close(): Promise<void>;
}

/**
 * Why a request or a body failed below HTTP. `unsupported`: the answer is one that this transport does not read;
 * another transport may.
 */
export type TransportFailure = 'connect' | 'stall' | 'broken' | 'unsupported';

/** The connection failed; the same request may succeed later. Never leaves a download: it is retried or mapped. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly failure: TransportFailure;

  constructor(failure: TransportFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
