/** A record as it is stored, with what identifies this state of it. */
export interface Stored {
  readonly body: string;
  /** Changes with every write. */
  readonly etag: string;
}

/**
 * A place for small texts, each changed only by comparing and setting: all that a store of leases needs, and what
 * S3, a directory and a Map can do. Refusals are values; what is thrown means that the register cannot be reached.
 */
export interface Register {
  get(key: string, signal?: AbortSignal): Promise<Stored | undefined>;
  /** Writes only if the key is free. */
  create(
    key: string,
    body: string,
    signal?: AbortSignal,
  ): Promise<{ readonly outcome: 'created'; readonly etag: string } | { readonly outcome: 'exists' }>;
  /** Writes only if the stored state has this etag. */
  replace(
    key: string,
    body: string,
    etag: string,
    signal?: AbortSignal,
  ): Promise<{ readonly outcome: 'replaced'; readonly etag: string } | { readonly outcome: 'conflict' }>;
}
