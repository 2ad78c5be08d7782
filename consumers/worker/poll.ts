import { linkSignals } from '../../shared/cancellation.ts';
import { after, DONE } from '../../shared/clock.ts';
import { equalJitterMs } from './backoff.ts';
import { handleMessage } from './handle-message.ts';
import type { QueueMessage } from './queue.ts';
import { queueFailure } from './queue-failure.ts';
import type { WorkerRuntime } from './runtime.ts';
import { MAX_RECEIVE_MESSAGES } from './sqs-limits.ts';

/** Receives under way at once, at most. */
const MAX_LANES = 8;
/** Length of a further lane's poll, in seconds. Above 0, so that SQS asks all of its servers. */
const ASSIST_WAIT_SECONDS = 1;
/** Delays after a ReceiveMessage that failed. */
const RECEIVE_BACKOFF = { backoffBaseMs: 500, backoffCapMs: 30_000 };
/** Failures in a row after which a queue counts as broken, though its answers do not say so. */
const FAILURES_UNTIL_OPEN = 3;
/** Rest after an empty answer when polls do not wait, in milliseconds. */
const EMPTY_POLL_REST_MS = 1_000;
/** An answer that may be on its way when the worker stops gets this long from the poll's beginning, in milliseconds. */
const ANSWER_MS = 500;
/** A probe that has worked for this long without failing counts as good, in milliseconds. */
const PROBE_MS = 60_000;

/**
 * Polls until the worker stops, then waits for the messages in hand. Asks for as many messages as the budget has room
 * for, at most 10, and for one while the circuit is probing. Messages that an answer brings after the stop, or after the
 * circuit has opened, are handed back. Never throws.
 *
 * One lane polls for good. An answer that is full starts another lane beside it, for as long as answers are full, so that
 * the distance to SQS does not bound how many messages arrive; an idle queue is asked by one lane only.
 */
export async function poll(runtime: WorkerRuntime): Promise<void> {
  const { budget, circuit, options, stopSignal } = runtime;
  const { clock, pollWaitSeconds } = options;
  const lanes = new Set<Promise<unknown>>();
  let failures = 0;
  while (!stopSignal.aborted) {
    try {
      await budget.untilRoom(stopSignal);
      await circuit.wait(stopSignal); // after the wait for room: a message that ended may have opened it
      const room = await budget.untilRoom(stopSignal);
      const isProbe = circuit.status.state === 'probing';
      const { inWork, isFull } = await ask(isProbe ? 1 : room, pollWaitSeconds, runtime);
      failures = 0;
      circuit.recovered('queue');
      if (isProbe && circuit.status.state === 'probing') await probed(inWork, runtime);
      if (isFull && lanes.size < MAX_LANES - 1) addTo(lanes, assist(runtime));
      if (inWork.length === 0 && pollWaitSeconds === 0) await clock.sleep(EMPTY_POLL_REST_MS, stopSignal);
    } catch (error) {
      if (stopSignal.aborted) break;
      failures += 1;
      await rest(runtime, failures, error);
    }
  }
  await Promise.all(lanes);
  await budget.idle();
}

/** A lane beside the first one: ends at an answer that is not full, without room, and at any trouble. Never throws. */
async function assist(runtime: WorkerRuntime): Promise<void> {
  const { budget, circuit, options, stopSignal, logger } = runtime;
  const waitSeconds = Math.min(options.pollWaitSeconds, ASSIST_WAIT_SECONDS);
  try {
    for (let isFull = true; isFull && !stopSignal.aborted;) {
      if (budget.room === 0 || circuit.status.state !== 'closed') return;
      ({ isFull } = await ask(budget.room, waitSeconds, runtime));
    }
  } catch (error) {
    logger.debug({ error }, 'a further lane has failed; the first one goes on'); // and meets what is wrong itself
  }
}

/** One receive; what it brings is in work when it resolves. */
async function ask(
  room: number,
  waitSeconds: number,
  runtime: WorkerRuntime,
): Promise<{ readonly inWork: readonly Promise<void>[]; readonly isFull: boolean }> {
  const wanted = Math.min(MAX_RECEIVE_MESSAGES, room);
  const arrived = runtime.budget.expect(wanted);
  try {
    const receiving = receive(wanted, waitSeconds, runtime);
    addTo(
      runtime.receives,
      receiving.catch(() => undefined),
    );
    const messages = await receiving;
    const inWork = messages.map((message) => take(message, runtime));
    return { inWork, isFull: messages.length === MAX_RECEIVE_MESSAGES };
  } finally {
    arrived();
  }
}

/** Keeps a promise that does not reject in a set until it has settled. */
function addTo(set: Set<Promise<unknown>>, promise: Promise<unknown>): void {
  set.add(promise);
  void promise.then(() => set.delete(promise));
}

async function receive(
  maxMessages: number,
  waitSeconds: number,
  runtime: WorkerRuntime,
): Promise<QueueMessage[]> {
  const { options, queue, stopSignal, forceSignal } = runtime;
  const { clock, visibilityTimeoutSeconds } = options;
  stopSignal.throwIfAborted();
  const beganMs = clock.monotonicMs();
  using call = linkSignals([forceSignal]);
  // A call that is cut off may leave messages invisible: it is given up only when no answer can be on its way.
  let cancel = (): void => {};
  const onStop = (): void => {
    const leftMs = Math.max(0, beganMs + ANSWER_MS - clock.monotonicMs());
    cancel = after(clock, leftMs, () => call.abort(stopSignal.reason));
  };
  stopSignal.addEventListener('abort', onStop, { once: true });
  try {
    return await queue.receive({ maxMessages, waitSeconds, visibilityTimeoutSeconds }, call.signal);
  } finally {
    stopSignal.removeEventListener('abort', onStop);
    cancel();
  }
}

async function take(message: QueueMessage, runtime: WorkerRuntime): Promise<void> {
  const isUnwanted = runtime.stopSignal.aborted || runtime.circuit.status.state === 'open';
  try {
    await (isUnwanted ? handBack(message, runtime) : handleMessage(message, runtime));
  } catch (error) {
    const { messageId } = message;
    runtime.logger.error({ messageId, error }, 'a message failed; it comes again after its timeout');
  }
}

/** Waits for what the probe finds: for its end, or for as long as a sound one may take. */
async function probed(
  inWork: readonly Promise<void>[],
  { circuit, options, stopSignal }: WorkerRuntime,
): Promise<void> {
  using patience = linkSignals([stopSignal]);
  const long = options.clock.sleep(PROBE_MS, patience.signal).then(
    () => circuit.recovered('work'),
    () => undefined,
  );
  await Promise.race([Promise.all(inWork), long]);
  patience.abort(DONE);
  await long;
}

/** A message that came too late. */
async function handBack(message: QueueMessage, runtime: WorkerRuntime): Promise<void> {
  const { receiptHandle, messageId, receiveCount } = message;
  const { calls, counters, logger, emit, budget } = runtime;
  const place = budget.arrive();
  place.leave();
  counters.received += 1;
  try {
    await calls.changeVisibility(receiptHandle, 0);
    counters.released += 1;
    emit({ kind: 'released', messageId, receiveCount, eventId: undefined });
  } catch (error) {
    logger.warn({ messageId, error }, 'a message could not be handed back; it comes again after its timeout');
  } finally {
    place.gone();
  }
}

async function rest(runtime: WorkerRuntime, failures: number, error: unknown): Promise<void> {
  const { options, circuit, counters, logger, emit, stopSignal } = runtime;
  const failure = queueFailure(error);
  const { code, reason } = failure;
  const delayMs = equalJitterMs(failures, RECEIVE_BACKOFF, options.random);
  counters.receiveErrors += 1;
  logger.error({ code, reason, error, delayMs }, 'receiving messages failed; trying again');
  emit({ kind: 'receive-failed', code, reason, delayMs });
  if (failure.isLasting || failures >= FAILURES_UNTIL_OPEN) circuit.trip(failure, 'queue');
  else await options.clock.sleep(delayMs, stopSignal).catch(() => undefined); // ends early when the worker stops
}
