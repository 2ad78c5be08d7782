import { after } from '../../shared/clock.ts';
import { LazySignal } from '../../shared/lazy-signal.ts';
import { HandlerTimeoutError } from '../outcomes.ts';
import { startHeartbeat } from '../visibility.ts';
import type { Delivery } from './attempt.ts';
import { decide, giveBack } from './decide.ts';
import { isLeaseLost, type QueueMessage } from './queue.ts';
import type { WorkerRuntime } from './runtime.ts';
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
  const work = new LazySignal(runtime.workSignal);
  const place = budget.arrive();
  const timeOut = (): void =>
    work.abort(new HandlerTimeoutError(`the handler took longer than ${handlerTimeoutSeconds} s`));
  let cancelTimeout = (): void => {};
  const delivery: Delivery = {
    message,
    signal: work,
    place,
    abort: (reason) => work.abort(reason),
    startTimeout: () => void (cancelTimeout = after(clock, handlerTimeoutSeconds * 1000, timeOut)),
    assertHeld: () => {
      heartbeat.check();
      delivery.held?.heartbeat.check();
      work.throwIfAborted();
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
  const outcome = await decide(delivery, runtime, ABORT_GRACE_MS);
  cancelTimeout();
  work.abort(MESSAGE_DONE); // ends downloads that the handler left running, and lets go of the worker's signal
  place.leave();
  await giveBack(delivery, outcome, runtime);
  await settle({ delivery, heartbeat, outcome, durationMs: clock.monotonicMs() - beganMs }, runtime);
  place.gone();
}
