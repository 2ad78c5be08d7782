import { linkSignals } from '../../shared/cancellation.ts';
import { DONE } from '../../shared/clock.ts';
import { equalJitterMs } from './backoff.ts';
import { handleMessage } from './handle-message.ts';
import type { QueueMessage } from './queue.ts';
import { queueFailure } from './queue-failure.ts';
import type { WorkerRuntime } from './runtime.ts';
import { MAX_RECEIVE_MESSAGES } from './sqs-limits.ts';

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
 */
export async function poll(runtime: WorkerRuntime): Promise<void> {
  const { budget, circuit, options, stopSignal } = runtime;
  const { clock, pollWaitSeconds } = options;
  let failures = 0;
  while (!stopSignal.aborted) {
    try {
      await budget.untilRoom(stopSignal);
      await circuit.wait(stopSignal); // after the wait for room: a message that ended may have opened it
      const room = await budget.untilRoom(stopSignal);
      const isProbe = circuit.status.state === 'probing';
      const polled = receive(isProbe ? 1 : room, runtime);
      runtime.latestPoll.ended = polled.catch(() => undefined);
      const messages = await polled;
      failures = 0;
      circuit.recovered('queue');
      const inWork = messages.map((message) => take(message, runtime));
      if (isProbe && circuit.status.state === 'probing') await probed(inWork, runtime);
      if (messages.length === 0 && pollWaitSeconds === 0) await clock.sleep(EMPTY_POLL_REST_MS, stopSignal);
    } catch (error) {
      if (stopSignal.aborted) break;
      failures += 1;
      await rest(runtime, failures, error);
    }
  }
  await budget.idle();
}

async function receive(maxMessages: number, runtime: WorkerRuntime): Promise<QueueMessage[]> {
  const { options, queue, stopSignal, forceSignal } = runtime;
  const { clock, pollWaitSeconds, visibilityTimeoutSeconds } = options;
  stopSignal.throwIfAborted();
  const beganMs = clock.monotonicMs();
  using call = linkSignals([forceSignal]);
  using ended = linkSignals([]);
  // A call that is cut off may leave messages invisible: it is given up only when no answer can be on its way.
  const onStop = (): void => {
    const leftMs = Math.max(0, beganMs + ANSWER_MS - clock.monotonicMs());
    clock.sleep(leftMs, ended.signal).then(
      () => call.abort(stopSignal.reason),
      () => undefined,
    );
  };
  stopSignal.addEventListener('abort', onStop, { once: true });
  try {
    return await queue.receive(
      {
        maxMessages: Math.min(MAX_RECEIVE_MESSAGES, maxMessages),
        waitSeconds: pollWaitSeconds,
        visibilityTimeoutSeconds,
      },
      call.signal,
    );
  } finally {
    stopSignal.removeEventListener('abort', onStop);
    ended.abort(DONE);
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
