import type { IdempotencyKey, IdempotencyRecord } from '../../shared/idempotency.ts';

/** How an event's lease is asked for. */
export interface AcquireOptions {
  /**
   * Length of the lease, in milliseconds, from 1,000 to 43,200,000. Renew it three times in that time: when its record
   * stays unchanged for this long, whoever watches takes it over.
   */
  readonly leaseMs: number;
  /** Ends the call. A lease that was taken nevertheless is stale after `leaseMs`. */
  readonly signal?: AbortSignal;
}

/** What is written down about an event that was handled. */
export interface Completion {
  readonly outcome: 'handled';
  /** Digests that were verified, by attachment id (RFC 9530 text). Keep it short: a few hundred entries at most. */
  readonly verified?: Readonly<Record<string, string>>;
}

/**
 * The right to handle one event, until it is completed, released or lost. Its calls run one after the other, however
 * they are made. Each may be made again after it failed: a write that was applied although its answer was lost is
 * recognised as one's own.
 */
export interface Lease {
  /** How often the event was acquired, this time included: 1 for the first. Goes to the handler as `deliveryAttempt`. */
  readonly attempt: number;
  /** The same for every attempt at the event; an effect that commits with it is made once. */
  readonly idempotencyKey: string;
  /**
   * Proves that the lease is still held, and prolongs it. Call it three times per lease length, and just before the handler.
   * @throws {LeaseLostError} when another has it, or it was ended
   */
  renew(signal?: AbortSignal): Promise<void>;
  /**
   * Writes down that the event was handled; it is then `done` for ever, or for as long as records are kept.
   * @throws {LeaseLostError} when another has it; nothing is overwritten
   */
  complete(completion: Completion, signal?: AbortSignal): Promise<void>;
  /**
   * Gives the event back at once, so that nobody waits for the lease to become stale. Does nothing when the lease was
   * ended or lost, so it may stand in a `finally`.
   * @param reason redacted and kept for people, at most 1,000 characters
   */
  release(reason?: string, signal?: AbortSignal): Promise<void>;
}

/** What became of an attempt to acquire an event. */
export type Acquisition =
  | { readonly state: 'acquired'; readonly lease: Lease }
  /** Handled before: delete the message. */
  | { readonly state: 'done'; readonly record: IdempotencyRecord }
  /**
   * Somebody else is at it, or died over it. Ask the same store object again after `retryAfterMs`: it takes the lease
   * over if its record has not changed by then. Another process has to begin watching anew, so waiting in place,
   * with the message held, is quicker than giving the message back.
   */
  | { readonly state: 'leased'; readonly retryAfterMs: number };

/**
 * Where a consumer writes down what it has handled. One method, so that a consumer's own database can be one.
 *
 * It must hold that of any number of callers at most one has a key's lease, that `done` is final, and that a lease
 * counts as stale only by the observer's monotonic clock: wall clocks decide nothing.
 */
export interface IdempotencyStore {
  /** @throws {WaybillError} when the store cannot be reached (`unavailable`), and the signal's reason */
  acquire(key: IdempotencyKey, options: AcquireOptions): Promise<Acquisition>;
}
