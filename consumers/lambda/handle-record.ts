import { SizeLimitError } from '../../shared/errors.ts';
import { LazySignal } from '../../shared/lazy-signal.ts';
import { deadLetter } from '../dead-letter.ts';
import type { Delivery } from '../worker/attempt.ts';
import { CircuitOpenError } from '../worker/circuit.ts';
import { decide, giveBack } from '../worker/decide.ts';
import { describeError, type Outcome } from '../worker/outcome.ts';
import { within } from '../worker/patience.ts';
import type { QueueMessage } from '../worker/queue.ts';
import { callMs, type WorkerRuntime } from '../worker/runtime.ts';
import { idsOf, rejectionOf } from '../worker/settle.ts';
import type { LambdaSqsRecord } from './types.ts';

/** What to do about an attachment that does not fit a function. */
const ADVICE =
  'give the function more ephemeral storage (up to 10,240 MB) and say so in ephemeralStorageBytes, or let a worker outside Lambda consume this queue';

/**
 * Takes one message of a batch to its end. Never throws.
 * @returns true if Lambda shall delete it, false if it shall come again
 */
export async function handleRecord(
  message: QueueMessage,
  runtime: WorkerRuntime,
  graceMs: number,
): Promise<boolean> {
  const { options, budget, circuit, counters, emit, workSignal } = runtime;
  const { clock } = options;
  const beganMs = clock.monotonicMs();
  const work = new LazySignal(workSignal);
  const place = budget.arrive();
  const delivery: Delivery = {
    message,
    signal: work,
    place,
    abort: (reason) => work.abort(reason),
    startTimeout: () => {}, // the invocation's own end is the timeout
    assertHeld: () => {
      delivery.held?.heartbeat.check();
      work.throwIfAborted();
    },
    event: undefined,
    held: undefined,
  };
  counters.received += 1;
  emit({ kind: 'received', ...idsOf(delivery) });
  const outcome = advised(await decide(delivery, runtime, graceMs));
  work.abort(MESSAGE_DONE); // ends downloads that the handler left running, and lets go of the parent
  if (outcome.kind === 'unavailable' && !(outcome.error instanceof CircuitOpenError)) {
    circuit.trip(describeError(outcome.error), 'work');
    budget.turnAway(outcome.error); // before the next one takes the place
  }
  place.leave();
  await giveBack(delivery, outcome, runtime);
  const isDone = await settle(delivery, outcome, clock.monotonicMs() - beganMs, runtime);
  place.gone();
  return isDone;
}

const MESSAGE_DONE = new Error('the message is done');

async function settle(
  delivery: Delivery,
  outcome: Outcome,
  durationMs: number,
  runtime: WorkerRuntime,
): Promise<boolean> {
  const { emit, logger } = runtime;
  const ids = idsOf(delivery);
  const again = (kind: 'retried' | 'postponed' | 'unavailable', error: unknown): false => {
    // When it comes again is the queue's affair: its visibility timeout decides.
    emit({ kind, ...ids, ...describeError(error), delaySeconds: Number.NaN });
    logger.warn({ ...ids, ...describeError(error), error }, `message will come again (${outcome.kind})`);
    return false;
  };
  switch (outcome.kind) {
    case 'succeeded':
      emit({ kind: 'succeeded', durationMs, ...ids });
      return true;
    case 'duplicate':
      emit({ kind: 'duplicate', ...ids });
      return true;
    case 'ignored':
      emit({ kind: 'ignored', reason: outcome.reason, ...ids });
      return true;
    case 'reject':
      return (await reject(delivery, outcome.error, runtime)) || again('retried', outcome.error);
    case 'retry':
      return again('retried', outcome.error);
    case 'postpone':
      return again('postponed', outcome.error);
    case 'unavailable':
      return again('unavailable', outcome.error);
    case 'release':
      emit({ kind: 'released', ...ids });
      return false;
    case 'lost':
      emit({ kind: 'lease-lost', reason: describeError(outcome.error).reason, ...ids });
      logger.warn({ ...ids, error: outcome.error }, 'the lease of an event was lost');
      return false;
  }
}

/** @returns false if there is no dead-letter queue, or it did not take the message: the redrive policy is then the way */
async function reject(delivery: Delivery, error: unknown, runtime: WorkerRuntime): Promise<boolean> {
  const { deadLetterQueueUrl, queue, options, logger, emit } = runtime;
  if (deadLetterQueueUrl === undefined) return false;
  const rejection = rejectionOf(delivery, runtime, error);
  const { body, attributes } = deadLetter(delivery.message, rejection);
  const ids = idsOf(delivery);
  try {
    await within(options.clock, callMs(runtime), (signal) =>
      queue.send(deadLetterQueueUrl, body, attributes, signal),
    );
  } catch (sendError) {
    logger.error(
      { ...ids, error: sendError },
      'the dead-letter queue did not take a message; it comes again',
    );
    return false;
  }
  logger.warn({ ...ids, rejection }, 'message rejected');
  const { rejectId, code, reason } = rejection;
  emit({ kind: 'rejected', rejectId, code, reason, ...ids });
  return true;
}

/** Tells who reads the dead-letter queue what would help. */
function advised(outcome: Outcome): Outcome {
  if (outcome.kind !== 'reject' || !(outcome.error instanceof SizeLimitError)) return outcome;
  const { message, details } = outcome.error;
  return {
    kind: 'reject',
    error: new SizeLimitError(`${message}: ${ADVICE}`, { cause: outcome.error, details }),
  };
}

/** A record as a poll would have returned it. */
export function toMessage(record: LambdaSqsRecord): QueueMessage {
  return {
    messageId: record.messageId,
    receiptHandle: record.receiptHandle,
    body: record.body,
    receiveCount: Number(record.attributes['ApproximateReceiveCount'] ?? 1),
    attributes: Object.fromEntries(
      Object.entries(record.messageAttributes).map(([name, { dataType, stringValue, binaryValue }]) => [
        name,
        {
          DataType: dataType,
          ...(stringValue === undefined ? {} : { StringValue: stringValue }),
          ...(binaryValue === undefined ? {} : { BinaryValue: Buffer.from(binaryValue, 'base64') }),
        },
      ]),
    ),
  };
}
