import { backoffMs } from '../../shared/retry.ts';
import { deadLetter, rejectId, type Rejection } from '../dead-letter.ts';
import type { Heartbeat } from '../visibility.ts';
import type { Delivery } from './attempt.ts';
import { describeError, type Outcome } from './outcome.ts';
import { within } from './patience.ts';
import type { PostponedError } from './postponed.ts';
import { equalJitterMs } from './backoff.ts';
import { CircuitOpenError } from './circuit.ts';
import { isLeaseLost } from './queue.ts';
import { callMs, type WorkerRuntime } from './runtime.ts';
import { MAX_VISIBILITY_SECONDS } from './sqs-limits.ts';

/** An outage outlasts a hiccup: its backoff begins that many times later, and is capped at twice the cap. */
const UNAVAILABLE_FACTOR = 30;
const UNAVAILABLE_CAP_FACTOR = 2;

/** A delivery whose outcome is known. */
export interface Settlement {
  readonly delivery: Delivery;
  readonly heartbeat: Heartbeat;
  readonly outcome: Outcome;
  /** Since the receipt, in milliseconds. */
  readonly durationMs: number;
}

/**
 * Tells SQS what became of a message. Never throws: what SQS does not take is logged, and the message comes again when
 * its visibility timeout ends.
 */
export async function settle(settlement: Settlement, runtime: WorkerRuntime): Promise<void> {
  const { delivery, heartbeat, outcome } = settlement;
  if (heartbeat.state === 'lost') return await leave(settlement, runtime, outcome);
  switch (outcome.kind) {
    case 'succeeded':
    case 'duplicate':
    case 'ignored':
      return await finish(settlement, runtime, outcome);
    case 'reject':
      return await reject(settlement, runtime, outcome.error);
    case 'retry': {
      const { backoff, random } = runtime.options;
      const backoffSeconds = Math.round(backoffMs(delivery.message.receiveCount, backoff, random) / 1000);
      return await comeAgain(settlement, runtime, outcome, outcome.delaySeconds ?? backoffSeconds);
    }
    case 'unavailable':
      return await comeAgain(settlement, runtime, outcome, outageSeconds(delivery, runtime, outcome.error));
    case 'postpone':
      return await comeAgain(settlement, runtime, outcome, postponeSeconds(delivery, outcome.error, runtime));
    case 'release':
      return await release(settlement, runtime);
    case 'lost':
      return await leave(settlement, runtime, outcome);
  }
}

async function finish(
  settlement: Settlement,
  runtime: WorkerRuntime,
  outcome: Extract<Outcome, { kind: 'succeeded' | 'duplicate' | 'ignored' }>,
): Promise<void> {
  const { counters, emit } = runtime;
  if (outcome.kind === 'succeeded') runtime.circuit.recovered('work');
  if (!(await removeFromQueue(settlement, runtime))) return;
  if (outcome.kind === 'succeeded') {
    counters.succeeded += 1;
    emit({ kind: 'succeeded', durationMs: settlement.durationMs, ...idsOf(settlement.delivery) });
  } else if (outcome.kind === 'duplicate') {
    counters.duplicates += 1;
    emit({ kind: 'duplicate', ...idsOf(settlement.delivery) });
  } else {
    counters.ignored += 1;
    emit({ kind: 'ignored', reason: outcome.reason, ...idsOf(settlement.delivery) });
  }
}

async function reject(settlement: Settlement, runtime: WorkerRuntime, error: unknown): Promise<void> {
  const { delivery } = settlement;
  const { options, deadLetterQueueUrl, queue, logger, counters, emit } = runtime;
  const again = async (why: unknown, message: string): Promise<void> => {
    logger.error({ ...idsOf(delivery), error: why, rejection: describeError(error) }, message);
    await settle({ ...settlement, outcome: { kind: 'retry', error } }, runtime);
  };
  if (deadLetterQueueUrl === undefined) {
    return await again(
      undefined,
      'a message should be rejected, but no dead-letter queue is known; retrying',
    );
  }
  const rejection = rejectionOf(delivery, runtime, error);
  const { body, attributes } = deadLetter(delivery.message, rejection);
  try {
    await within(options.clock, callMs(runtime), (signal) =>
      queue.send(deadLetterQueueUrl, body, attributes, signal),
    );
  } catch (sendError) {
    return await again(sendError, 'the dead-letter queue did not take a message; retrying');
  }
  logger.warn({ ...idsOf(delivery), rejection }, 'message rejected');
  if (!(await removeFromQueue(settlement, runtime))) return; // comes again, and is rejected under the same id
  counters.rejected += 1;
  emit({
    kind: 'rejected',
    rejectId: rejection.rejectId,
    code: rejection.code,
    reason: rejection.reason,
    ...idsOf(delivery),
  });
}

/** What is written about a rejected message. */
export function rejectionOf({ message, event }: Delivery, runtime: WorkerRuntime, error: unknown): Rejection {
  const { consumer, clock } = runtime.options;
  return {
    rejectId: rejectId(runtime.queueId, message.messageId),
    ...describeError(error),
    ...(consumer === undefined ? {} : { consumer }),
    at: new Date(clock.nowMs()).toISOString(),
    receiveCount: message.receiveCount,
    ...(event === undefined ? {} : { eventId: event.id, source: event.source, type: event.type }),
  };
}

/** Opens the circuit, unless it is open, and says when this message shall come again. */
function outageSeconds({ message }: Delivery, runtime: WorkerRuntime, error: unknown): number {
  const { options, circuit, budget } = runtime;
  const { backoffBaseMs, backoffCapMs } = options.backoff;
  if (!(error instanceof CircuitOpenError)) {
    circuit.trip(describeError(error), 'work');
    // Those that wait for their turn would fail too: they are given back before they do.
    budget.turnAway(new CircuitOpenError('the circuit has opened', { cause: error }));
  }
  const backoff = {
    backoffBaseMs: backoffBaseMs * UNAVAILABLE_FACTOR,
    backoffCapMs: backoffCapMs * UNAVAILABLE_CAP_FACTOR,
  };
  return Math.ceil(equalJitterMs(message.receiveCount, backoff, options.random) / 1000);
}

/** What the message waits for, and more after many deliveries: waiting must not wear out `maxReceiveCount`. */
function postponeSeconds(
  { message }: Delivery,
  { delaySeconds }: PostponedError,
  { options }: WorkerRuntime,
): number {
  const { backoffCapMs } = options.backoff;
  const backoff = {
    backoffBaseMs: delaySeconds * 1000,
    backoffCapMs: Math.max(backoffCapMs, delaySeconds * 1000),
  };
  return Math.ceil(delaySeconds + equalJitterMs(message.receiveCount, backoff, options.random) / 1000);
}

async function comeAgain(
  settlement: Settlement,
  runtime: WorkerRuntime,
  outcome: Extract<Outcome, { kind: 'retry' | 'unavailable' | 'postpone' }>,
  seconds: number,
): Promise<void> {
  const { delivery, heartbeat } = settlement;
  const { logger, counters, emit } = runtime;
  // SQS counts the 12 hours from the receipt.
  const left = Math.floor(MAX_VISIBILITY_SECONDS - heartbeat.heldSeconds()) - 1;
  const delaySeconds = Math.max(0, Math.min(seconds, left));
  if (!(await changeVisibility(settlement, runtime, delaySeconds))) return;
  const failure = { ...describeError(outcome.error), ...idsOf(delivery), delaySeconds };
  logger.warn({ ...failure, error: outcome.error }, `message will come again (${outcome.kind})`);
  if (outcome.kind === 'retry') {
    counters.retried += 1;
    emit({ kind: 'retried', ...failure });
  } else if (outcome.kind === 'postpone') {
    counters.postponed += 1;
    emit({ kind: 'postponed', ...failure });
  } else {
    counters.unavailable += 1;
    emit({ kind: 'unavailable', ...failure });
  }
}

/** After the last receives, which would otherwise take the message again at once. */
async function release(settlement: Settlement, runtime: WorkerRuntime): Promise<void> {
  await Promise.all(runtime.receives);
  if (!(await changeVisibility(settlement, runtime, 0))) return;
  runtime.counters.released += 1;
  runtime.emit({ kind: 'released', ...idsOf(settlement.delivery) });
}

async function leave(settlement: Settlement, runtime: WorkerRuntime, why: unknown): Promise<void> {
  const { delivery, heartbeat } = settlement;
  await heartbeat.stop();
  const ids = idsOf(delivery);
  runtime.counters.leasesLost += 1;
  runtime.logger.warn({ ...ids, why }, 'the lease of a message was lost; left alone');
  runtime.emit({ kind: 'lease-lost', reason: 'another consumer may have the message', ...ids });
}

async function removeFromQueue(settlement: Settlement, runtime: WorkerRuntime): Promise<boolean> {
  const { receiptHandle } = settlement.delivery.message;
  return await lastCall(settlement, runtime, 'delete', () => runtime.calls.remove(receiptHandle));
}

async function changeVisibility(
  settlement: Settlement,
  runtime: WorkerRuntime,
  seconds: number,
): Promise<boolean> {
  const { receiptHandle } = settlement.delivery.message;
  return await lastCall(settlement, runtime, 'change the visibility of', () =>
    runtime.calls.changeVisibility(receiptHandle, seconds),
  );
}

/** The last call for a message, after its heartbeat. @returns false if SQS did not take it; that is then logged and told */
async function lastCall(
  { delivery, heartbeat }: Settlement,
  runtime: WorkerRuntime,
  what: string,
  call: () => Promise<void>,
): Promise<boolean> {
  const { logger, counters, emit, options } = runtime;
  await heartbeat.stop();
  try {
    await call();
    return true;
  } catch (error) {
    const ids = idsOf(delivery);
    logger.error(
      { ...ids, error },
      `could not ${what} a message; it comes again after its visibility timeout`,
    );
    if (isLeaseLost(error)) {
      counters.leasesLost += 1;
      emit({ kind: 'lease-lost', reason: describeError(error).reason, ...ids });
    } else {
      counters.retried += 1;
      const delaySeconds = options.visibilityTimeoutSeconds;
      emit({ kind: 'retried', ...describeError(error), delaySeconds, ...ids });
    }
    return false;
  }
}

/** What every event and log line of a delivery names. */
export function idsOf({ message, event }: Delivery): {
  messageId: string;
  receiveCount: number;
  eventId: string | undefined;
} {
  return { messageId: message.messageId, receiveCount: message.receiveCount, eventId: event?.id };
}
