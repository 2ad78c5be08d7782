/** A record as it is stored, with what identifies this state of it. */
export interface Stored {
  readonly body: string;
  /** Changes with every write of another body. */
  readonly etag: string;
}

/** What every call may be given. */
export interface RegisterCall {
  /** Ends the call; a write under way may still be applied. */
  readonly signal?: AbortSignal;
}

/**
 * A place for small texts, each changed only by comparing and setting: all that a store of leases needs, and what
 * `shared/records`, a directory and a Map can do. Refusals are values; what is thrown means that the register cannot
 * be reached. A write that it repeats by itself, after an answer was lost, it may find to be `exists` or `changed`: the
 * owner token in the text says whose it was.
 */
export interface Register {
  /** Writes only if the key is free. */
  create(
    key: string,
    body: string,
    call?: RegisterCall,
  ): Promise<
    | { readonly outcome: 'created'; readonly etag: string }
    | { readonly outcome: 'exists'; readonly record: Stored }
  >;
  /** Writes only if the stored state has this etag. */
  replace(
    key: string,
    body: string,
    etag: string,
    call?: RegisterCall,
  ): Promise<
    | { readonly outcome: 'replaced'; readonly etag: string }
    | { readonly outcome: 'changed'; readonly record: Stored }
    | { readonly outcome: 'missing' }
  >;
}
