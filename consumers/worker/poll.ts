import { handleMessage } from './handle-message.ts';
import { describeError } from './outcome.ts';
import { equalJitterMs } from './pause.ts';
import { within } from './patience.ts';
import type { QueueMessage } from './queue.ts';
import type { WorkerRuntime } from './runtime.ts';
import type { Slots } from './slots.ts';
import { MAX_RECEIVE_MESSAGES } from './sqs-limits.ts';

/** Delays after a ReceiveMessage that failed. */
const RECEIVE_BACKOFF = { backoffBaseMs: 500, backoffCapMs: 30_000 };
/** Rest after an empty answer when polls do not wait, in milliseconds. */
const EMPTY_POLL_REST_MS = 1_000;
/** Longest that handing a message back may take, in milliseconds. */
const RELEASE_MS = 5_000;

/**
 * Polls until `stopSignal` aborts, then waits for the messages in work. Asks for as many messages as there are free
 * places, at most 10. Messages that an answer brings after the stop are handed back at once. Never throws.
 */
export async function poll(runtime: WorkerRuntime, slots: Slots, stopSignal: AbortSignal): Promise<void> {
  const { clock, pollWaitSeconds } = runtime.options;
  let failures = 0;
  while (!stopSignal.aborted) {
    try {
      const messages = await receive(runtime, slots, stopSignal);
      failures = 0;
      for (const message of messages) {
        slots.run(async () => {
          try {
            await (stopSignal.aborted ? handBack(message, runtime) : handleMessage(message, runtime));
          } catch (error) {
            const { messageId } = message;
            runtime.logger.error({ messageId, error }, 'a message failed; it comes again after its timeout');
          }
        });
      }
      if (messages.length === 0 && pollWaitSeconds === 0) await clock.sleep(EMPTY_POLL_REST_MS, stopSignal);
    } catch (error) {
      if (stopSignal.aborted) break;
      failures += 1;
      await rest(runtime, stopSignal, failures, error);
    }
  }
  await slots.idle();
}

async function receive(
  { options, pause, queue }: WorkerRuntime,
  slots: Slots,
  signal: AbortSignal,
): Promise<QueueMessage[]> {
  const { pollWaitSeconds, visibilityTimeoutSeconds } = options;
  await slots.free(signal);
  await pause.wait(signal); // after the wait for a place: a message that ended may have begun the pause
  const free = await slots.free(signal);
  return await queue.receive(
    {
      maxMessages: Math.min(MAX_RECEIVE_MESSAGES, free),
      waitSeconds: pollWaitSeconds,
      visibilityTimeoutSeconds,
    },
    signal,
  );
}

/** A message that came too late. */
async function handBack(message: QueueMessage, runtime: WorkerRuntime): Promise<void> {
  const { receiptHandle, messageId, receiveCount } = message;
  const { options, queue, counters, logger, emit } = runtime;
  try {
    await within(options.clock, RELEASE_MS, (signal) => queue.changeVisibility(receiptHandle, 0, signal));
    counters.received += 1;
    counters.released += 1;
    emit({ kind: 'released', messageId, receiveCount, eventId: undefined });
  } catch (error) {
    logger.warn({ messageId, error }, 'a message could not be handed back; it comes again after its timeout');
  }
}

async function rest(
  runtime: WorkerRuntime,
  signal: AbortSignal,
  failures: number,
  error: unknown,
): Promise<void> {
  const { options, counters, logger, emit } = runtime;
  const delayMs = equalJitterMs(failures, RECEIVE_BACKOFF, options.random);
  counters.receiveErrors += 1;
  logger.error({ error, delayMs }, 'receiving messages failed; trying again');
  emit({ kind: 'receive-failed', reason: describeError(error).reason, delayMs });
  await options.clock.sleep(delayMs, signal).catch(() => undefined); // ends early when the worker stops
}
