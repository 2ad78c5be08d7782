import { linkSignals } from '../../shared/cancellation.ts';
import { after } from '../../shared/clock.ts';
import { HandlerTimeoutError, LeaseLostError } from '../outcomes.ts';
import { startHeartbeat } from '../visibility.ts';
import { attempt, type Delivery } from './attempt.ts';
import { describeError, outcomeOf, type Outcome } from './outcome.ts';
import { withGrace, within } from './patience.ts';
import { isLeaseLost, type QueueMessage } from './queue.ts';
import { callMs, type WorkerRuntime } from './runtime.ts';
import { idsOf, settle } from './settle.ts';

/** How long a handler may take to wind down after its signal has aborted, in milliseconds; its place is taken until then. */
const ABORT_GRACE_MS = 5_000;

/** One for all: the stack of an error is dear where messages are many. */
const MESSAGE_DONE = new Error('the message is done');

/**
 * Takes one message from receipt to its end: the heartbeat runs from now until just before the last call. Never throws.
 * Leaves no listener, timer or download behind; only a handler that ignores its signal may run on.
 */
export async function handleMessage(message: QueueMessage, runtime: WorkerRuntime): Promise<void> {
  const { options, calls, budget, logger, counters, emit } = runtime;
  const { clock, handlerTimeoutSeconds } = options;
  const beganMs = clock.monotonicMs();
  using work = linkSignals([runtime.workSignal]);
  const place = budget.arrive();
  const timeOut = (): void =>
    work.abort(new HandlerTimeoutError(`the handler took longer than ${handlerTimeoutSeconds} s`));
  let cancelTimeout = (): void => {};
  const delivery: Delivery = {
    message,
    signal: work.signal,
    place,
    abort: (reason) => work.abort(reason),
    startTimeout: () => void (cancelTimeout = after(clock, handlerTimeoutSeconds * 1000, timeOut)),
    assertHeld: () => {
      heartbeat.check();
      delivery.held?.heartbeat.check();
      work.signal.throwIfAborted();
    },
    event: undefined,
    held: undefined,
  };
  counters.received += 1;
  emit({ kind: 'received', ...idsOf(delivery) });
  const heartbeat = startHeartbeat({
    visibilityTimeoutSeconds: options.visibilityTimeoutSeconds,
    extend: (seconds, signal) => calls.changeVisibility(message.receiptHandle, seconds, signal),
    isLost: isLeaseLost,
    onLost: (error) => work.abort(error),
    onExtended: () => emit({ kind: 'extended', ...idsOf(delivery) }),
    clock,
    logger,
  });
  const outcome = await decide(delivery, runtime);
  cancelTimeout();
  work.abort(MESSAGE_DONE); // ends downloads that the handler left running
  place.leave();
  await giveBack(delivery, outcome, runtime);
  await settle({ delivery, heartbeat, outcome, durationMs: clock.monotonicMs() - beganMs }, runtime);
  place.gone();
}

/** Runs the attempt and says what became of it. */
async function decide(delivery: Delivery, runtime: WorkerRuntime): Promise<Outcome> {
  const { signal } = delivery;
  const grace = { clock: runtime.options.clock, graceMs: ABORT_GRACE_MS, force: runtime.forceSignal };
  try {
    const outcome = await withGrace(attempt(delivery, runtime), signal, grace);
    const reason: unknown = signal.reason;
    return reason instanceof LeaseLostError ? { kind: 'lost', error: reason } : outcome;
  } catch (error) {
    return outcomeOf(error, signal, runtime.options.urlSource !== undefined);
  }
}

/**
 * Gives an idempotency record back that was not completed, a rejected event's too: redriven, it must be handled anew.
 * What fails is logged; the record is then stale after its lease.
 */
async function giveBack(
  { held, message, event }: Delivery,
  outcome: Outcome,
  runtime: WorkerRuntime,
): Promise<void> {
  if (held === undefined) return;
  await held.heartbeat.stop();
  if (outcome.kind === 'succeeded') return;
  const reason = 'error' in outcome ? describeError(outcome.error).reason : outcome.kind;
  try {
    await within(runtime.options.clock, callMs(runtime), (signal) => held.lease.release(reason, signal));
  } catch (error) {
    const ids = { messageId: message.messageId, eventId: event?.id };
    runtime.logger.warn({ ...ids, error }, 'an idempotency record could not be given back; it becomes stale');
  }
}
