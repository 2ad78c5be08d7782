/** A record as it is stored. */
export interface StoredRecord {
  readonly key: string;
  readonly body: string;
  /**
   * Changes with every write of another body. Where S3 derives it from the bytes, the same body again has the same
   * etag: give every write a token of its own if that matters.
   */
  readonly etag: string;
  /** When it was written, by S3's clock, epoch milliseconds. */
  readonly modifiedAtMs: number;
}

/** A record as a listing names it. */
export interface RecordInfo {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  /** When it was written, by S3's clock, epoch milliseconds. */
  readonly modifiedAtMs: number;
}

/** What became of a conditional creation. */
export type CreateOutcome =
  | { readonly outcome: 'created'; readonly etag: string }
  | { readonly outcome: 'exists'; readonly record: StoredRecord };

/** What became of a conditional replacement. */
export type ReplaceOutcome =
  | { readonly outcome: 'replaced'; readonly etag: string }
  | { readonly outcome: 'changed'; readonly record: StoredRecord }
  | { readonly outcome: 'missing' };

/** What became of a removal; a record that was not there counts as removed. */
export type RemoveOutcome = { readonly outcome: 'removed' } | { readonly outcome: 'changed' };

/** What every call may be given. */
export interface RecordCall {
  readonly signal?: AbortSignal | undefined;
}

/** Which records to list. */
export interface ListOptions extends RecordCall {
  /** Only keys after this one, in the order of UTF-8 bytes. @default - from the first */
  readonly startAfter?: string | undefined;
  /** Only keys before this one. @default - to the last */
  readonly endBefore?: string | undefined;
}

/**
 * Small texts in the control bucket, written conditionally.
 *
 * Every method tries again what may succeed later, with full jitter. A conditional write whose answer was lost is
 * refused when it is repeated, although the record is ours: a refusal after a lost answer counts as success if the
 * stored body is ours byte for byte, so a body that others might write too needs a token of its owner in it.
 *
 * Races that are to be expected are values; everything else is thrown.
 *
 * @throws {RecordsError} when S3 refuses, or does not answer within the retries
 * @throws the signal's reason once it has aborted; a write under way may still take effect
 */
export interface Records {
  /** The record, undefined if there is none. */
  get(key: string, call?: RecordCall): Promise<StoredRecord | undefined>;
  /** Writes a record that must not be there yet (`If-None-Match: *`). */
  create(key: string, body: string, call?: RecordCall): Promise<CreateOutcome>;
  /** Writes a record that must still be the one with this etag (`If-Match`). */
  replace(key: string, body: string, etag: string, call?: RecordCall): Promise<ReplaceOutcome>;
  /** Deletes a record, with an etag only if it is still that one. */
  remove(key: string, call?: RecordCall & { readonly etag?: string }): Promise<RemoveOutcome>;
  /** Lists records in the order of their keys, a thousand a request. */
  list(prefix: string, options?: ListOptions): AsyncIterable<RecordInfo>;
  /** The folders right under a prefix that ends with `/`, each with its `/`, in order. */
  folders(prefix: string, options?: ListOptions): AsyncIterable<string>;
  /** Closes the client, if it is its own. */
  close(): void;
}
