/** A part of a file that is read when it is sent, and read again when it is sent again; memory holds a block of it. */
export interface FileSpan {
  /** In bytes. */
  readonly length: number;
  /**
   * Fills the beginning of `into` with the bytes from `offset` on, counted from the beginning of the span; returns how
   * many it wrote. 0 before the end means that the file became shorter.
   */
  read(offset: number, into: Buffer): Promise<number>;
  /** @throws {UploadError} if the file changed since it was opened */
  verify(): Promise<void>;
}

/** What a part is sent from. */
export type PartBody = Buffer | FileSpan;
