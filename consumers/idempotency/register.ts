/** A record as it is stored, with what identifies this state of it. */
export interface Stored {
  readonly body: string;
  /** Changes with every write of another body. */
  readonly etag: string;
}

interface Call {
  readonly signal?: AbortSignal;
}

/**
 * A place for small texts, each changed only by comparing and setting: all that a store of leases needs, and what
 * `shared/records`, a directory and a Map can do. Refusals are values; what is thrown means that the register cannot
 * be reached.
 */
export interface Register {
  /** Writes only if the key is free. */
  create(
    key: string,
    body: string,
    call?: Call,
  ): Promise<
    | { readonly outcome: 'created'; readonly etag: string }
    | { readonly outcome: 'exists'; readonly record: Stored }
  >;
  /** Writes only if the stored state has this etag. */
  replace(
    key: string,
    body: string,
    etag: string,
    call?: Call,
  ): Promise<
    | { readonly outcome: 'replaced'; readonly etag: string }
    | { readonly outcome: 'changed'; readonly record: Stored }
    | { readonly outcome: 'missing' }
  >;
}
