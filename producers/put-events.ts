import {
  PutEventsCommand,
  type EventBridgeClient,
  type PutEventsRequestEntry,
} from '@aws-sdk/client-eventbridge';
import type { Clock, Random } from '../shared/clock.ts';
import { PublishError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { backoffMs, type RetryOptions } from '../shared/retry.ts';
import { withDeadline } from '../shared/deadline.ts';
import { takeBatch } from './put-events-batch.ts';
import { outcomeOfCall, outcomeOfEntry, type EntryOutcome } from './put-events-outcome.ts';

/** Calls under way at a time. */
const MAX_CALLS = 4;
/** Longest one call may take, in milliseconds. */
const CALL_TIMEOUT_MS = 30_000;

export interface EventPutterOptions {
  /** Should have `maxAttempts: 1`: retries are the putter's, per entry. */
  readonly client: EventBridgeClient;
  readonly retry: Required<RetryOptions>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** An event on its way to the bus. */
export interface OutgoingEvent {
  /** The event's own id, for messages. */
  readonly eventId: string;
  readonly entry: PutEventsRequestEntry;
  /** Size of the entry as EventBridge counts it. */
  readonly bytes: number;
}

/** Puts events on a bus, in batches. */
export interface EventPutter {
  /**
   * Puts one event; returns EventBridge's id for it. An answer that was lost is followed by another attempt, so the
   * bus may get the event twice, under the same event id.
   * @throws {PublishError} if EventBridge refuses it for good, or does not take it within the retries
   * @throws the signal's reason once it has aborted; a call under way may still succeed
   */
  put(event: OutgoingEvent, signal?: AbortSignal): Promise<string>;
}

interface Waiting {
  readonly event: OutgoingEvent;
  readonly bytes: number;
  alone: boolean;
  attempts: number;
  /** Aborts when the caller's signal does; ends a wait for the next attempt. */
  readonly signal: AbortSignal | undefined;
  settled: boolean;
  resolve(eventBridgeId: string): void;
  reject(error: unknown): void;
}

/**
 * Makes a putter.
 *
 * An entry waits no longer than to the end of the event loop's turn; what else was put by then shares its call. While
 * four calls are under way, the next batch gathers. Entries that fail are tried again, each by its own count, in
 * whichever batch goes next; entries that succeeded are never sent again.
 */
export function createEventPutter(options: EventPutterOptions): EventPutter {
  const { client, retry, clock, random, logger } = options;
  const queue: Waiting[] = [];
  let calls = 0;
  let scheduled = false;

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      for (let free = MAX_CALLS - calls; free > 0 && queue.length > 0; free -= 1) void send(takeBatch(queue));
    });
  };

  const enqueue = (waiting: Waiting): void => {
    if (waiting.settled) return;
    queue.push(waiting);
    schedule();
  };

  const send = async (batch: readonly Waiting[]): Promise<void> => {
    calls += 1;
    const outcomes = await call(batch);
    calls -= 1;
    for (const [index, waiting] of batch.entries()) handle(waiting, outcomes(index), batch.length);
    if (queue.length > 0) schedule();
  };

  const call = async (batch: readonly Waiting[]): Promise<(index: number) => EntryOutcome> => {
    const command = new PutEventsCommand({ Entries: batch.map(({ event }) => event.entry) });
    try {
      const answer = await withDeadline('PutEvents', CALL_TIMEOUT_MS, undefined, async (abortSignal) => {
        return await client.send(command, { abortSignal });
      });
      return (index) => outcomeOfEntry(answer, index);
    } catch (error) {
      const outcome = outcomeOfCall(error);
      return () => outcome;
    }
  };

  const handle = (waiting: Waiting, outcome: EntryOutcome, batchLength: number): void => {
    if (waiting.settled) return;
    if (outcome.ok) return waiting.resolve(outcome.eventBridgeId);
    waiting.attempts += 1;
    if (!outcome.transient) {
      // A refused call may be one entry's fault only; sent alone, each gets its own answer.
      const shared = outcome.cause !== undefined && batchLength > 1;
      if (!shared) return waiting.reject(publishError(waiting, outcome));
      waiting.alone = true;
      return enqueue(waiting);
    }
    if (waiting.attempts >= retry.maxAttempts) return waiting.reject(publishError(waiting, outcome));
    const delayMs = backoffMs(waiting.attempts, retry, random);
    const { eventId } = waiting.event;
    const { errorCode } = outcome;
    logger.warn(
      { eventId, errorCode, attempt: waiting.attempts, delayMs },
      'event was not put, trying again',
    );
    void clock.sleep(delayMs, waiting.signal).then(
      () => enqueue(waiting),
      (error: unknown) => waiting.reject(error),
    );
  };

  return {
    put: async (event, signal) => {
      signal?.throwIfAborted();
      return await new Promise<string>((resolve, reject) => {
        const settle = (done: () => void): void => {
          if (waiting.settled) return;
          waiting.settled = true;
          signal?.removeEventListener('abort', onAbort);
          const at = queue.indexOf(waiting);
          if (at >= 0) queue.splice(at, 1);
          done();
        };
        const waiting: Waiting = {
          event,
          bytes: event.bytes,
          alone: false,
          attempts: 0,
          signal,
          settled: false,
          resolve: (id) => settle(() => resolve(id)),
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is passed on as it is
          reject: (error) => settle(() => reject(error)),
        };
        const onAbort = (): void => waiting.reject(signal?.reason);
        signal?.addEventListener('abort', onAbort, { once: true });
        enqueue(waiting);
      });
    },
  };
}

function publishError({ event, attempts }: Waiting, outcome: EntryOutcome & { ok: false }): PublishError {
  const { errorCode, message, transient, cause } = outcome;
  const how = transient ? `failed ${attempts} times, last with` : 'was refused with';
  return new PublishError(`PutEvents of event ${event.eventId} ${how} ${errorCode}: ${message}`, {
    cause,
    details: { eventId: event.eventId, errorCode, permanent: !transient, attempts },
  });
}
