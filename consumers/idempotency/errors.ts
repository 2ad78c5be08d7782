import { WaybillError } from '../../shared/errors.ts';

/**
 * What stands at an event's record is none, or another event's. It concerns this event alone, so it is dead-lettered with
 * the reason rather than stop all others; remove the record and redrive.
 */
export class IdempotencyRecordError extends WaybillError {
  readonly code = 'idempotency-record';
  readonly disposition = 'reject';
}

/** The place of the records cannot be reached: every event shares it. */
export class IdempotencyStoreError extends WaybillError {
  readonly code = 'idempotency-store';
  readonly disposition = 'unavailable';
}
