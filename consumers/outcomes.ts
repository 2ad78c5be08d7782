import { WaybillError, type WaybillErrorOptions } from '../shared/errors.ts';
import { numberInRange } from '../shared/options.ts';
import { MAX_VISIBILITY_SECONDS } from './worker/sqs-limits.ts';

/**
 * A handler throws it to say: this event will never succeed here. The message goes to the dead-letter queue with
 * the reason and is deleted from its own queue.
 *
 * @example
 * throw new Reject('invoice is in a currency we do not book');
 */
export class Reject extends WaybillError {
  readonly code = 'rejected-by-handler';
  readonly disposition = 'reject';
}

/** When a handler wants the event again. */
export interface RetryLaterOptions extends WaybillErrorOptions {
  /** Seconds until the message is visible again, 0 to 43,200. @default - full-jitter backoff by receive count */
  readonly delaySeconds?: number;
}

/** A handler throws it to say: not now. The message becomes visible again after the delay. */
export class RetryLater extends WaybillError {
  readonly code = 'retry-later';
  readonly disposition = 'retry';
  /** Seconds; undefined leaves it to the worker's backoff. */
  readonly delaySeconds: number | undefined;

  /** @throws {RangeError} when `delaySeconds` is not an integer from 0 to 43,200 */
  constructor(message: string, options: RetryLaterOptions = {}) {
    super(message, options);
    this.delaySeconds =
      options.delaySeconds === undefined
        ? undefined
        : numberInRange('delaySeconds', options.delaySeconds, {
            min: 0,
            max: MAX_VISIBILITY_SECONDS,
            unit: 's',
          });
  }
}

/** Why a message's signal aborts: its lease is gone, so another consumer may hold it by now. */
export class LeaseLostError extends WaybillError {
  readonly code = 'lease-lost';
  readonly disposition = 'retry';
}

/** Why a message's signal aborts: the handler took longer than `handlerTimeoutSeconds`. */
export class HandlerTimeoutError extends WaybillError {
  readonly code = 'handler-timeout';
  readonly disposition = 'retry';
}

/** Why a message's signal aborts: the worker stops, and its deadline for running handlers has passed. */
export class WorkerStoppedError extends WaybillError {
  readonly code = 'worker-stopped';
  readonly disposition = 'retry';
}
