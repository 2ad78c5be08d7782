/** One pass over a payload's bytes. */
export interface SourceReader extends AsyncDisposable {
  /** Size when it was opened, in bytes; undefined for a stream that does not say. */
  readonly sizeBytes: number | undefined;
  /**
   * Fills the beginning of `into`, and returns how many bytes it wrote; 0 only at the end.
   * @throws the signal's reason, once it has aborted
   */
  read(into: Buffer, signal: AbortSignal): Promise<number>;
  /**
   * Fills the beginning of `into` with the bytes from `position` on, and returns how many it wrote. Does not move
   * `read`. @default - the bytes can be read once only
   */
  readAt?(position: number, into: Buffer): Promise<number>;
  /**
   * Called after the last byte.
   * @throws {UploadError} if the payload changed while it was read
   */
  verify(): Promise<void>;
}

/** Where a payload's bytes come from. */
export interface UploadSource {
  /** Names it in messages: a path, `stream`, `buffer`. */
  readonly label: string;
  /** Size in bytes if it is known before it is opened. */
  readonly sizeBytes: number | undefined;
  /** True if `open` may be called again for the same bytes. */
  readonly rereadable: boolean;
  /** @throws {UploadError} if it cannot be opened, or was opened before and is not rereadable */
  open(): Promise<SourceReader>;
}
