import { setMaxListeners } from 'node:events';
import { linkSignals } from '../../shared/cancellation.ts';
import { HandlerTimeoutError, LeaseLostError } from '../outcomes.ts';
import { startHeartbeat } from '../visibility.ts';
import { attempt, type Delivery } from './attempt.ts';
import { outcomeOf, type Outcome } from './outcome.ts';
import { withGrace } from './patience.ts';
import { isLeaseLost, type QueueMessage } from './queue.ts';
import type { WorkerRuntime } from './runtime.ts';
import { idsOf, settle } from './settle.ts';

/** How long a handler may take to wind down after its signal has aborted, in milliseconds; its slot is taken until then. */
const ABORT_GRACE_MS = 5_000;

/**
 * Takes one message from receipt to its end: the heartbeat runs from now until just before the last call. Never throws.
 * Leaves no listener, timer or download behind; only a handler that ignores its signal may run on.
 */
export async function handleMessage(message: QueueMessage, runtime: WorkerRuntime): Promise<void> {
  const { options, queue, logger, counters, emit, forceSignal } = runtime;
  const { clock } = options;
  const beganMs = clock.monotonicMs();
  using work = linkSignals([runtime.workSignal]);
  setMaxListeners(0, work.signal); // a handler may start a download per attachment
  const delivery: Delivery = { message, signal: work.signal, event: undefined };
  counters.received += 1;
  emit({ kind: 'received', ...idsOf(delivery) });
  const heartbeat = startHeartbeat({
    visibilityTimeoutSeconds: options.visibilityTimeoutSeconds,
    extend: (seconds, signal) => queue.changeVisibility(message.receiptHandle, seconds, signal),
    isLost: isLeaseLost,
    onLost: (error) => work.abort(error),
    onExtended: () => emit({ kind: 'extended', ...idsOf(delivery) }),
    clock,
    logger,
  });
  const outcome = await decide(
    delivery,
    runtime,
    (reason) => work.abort(reason),
    async (running) =>
      withGrace(running, work.signal, { clock, graceMs: ABORT_GRACE_MS, force: forceSignal }),
  );
  work.abort(new Error('the message is done')); // ends downloads that the handler left running
  if (outcome.kind === 'succeeded') runtime.pause.recovered();
  await settle({ delivery, heartbeat, outcome, durationMs: clock.monotonicMs() - beganMs }, runtime);
}

/** Runs the attempt under the handler's timeout and says what became of it. */
async function decide(
  delivery: Delivery,
  runtime: WorkerRuntime,
  abort: (reason: unknown) => void,
  patiently: (running: Promise<Outcome>) => Promise<Outcome>,
): Promise<Outcome> {
  const { clock, handlerTimeoutSeconds } = runtime.options;
  const timer = new AbortController();
  const timeout = clock.sleep(handlerTimeoutSeconds * 1000, timer.signal).then(
    () => abort(new HandlerTimeoutError(`the handler took longer than ${handlerTimeoutSeconds} s`)),
    () => undefined,
  );
  try {
    const outcome = await patiently(attempt(delivery, runtime));
    const reason: unknown = delivery.signal.reason;
    return reason instanceof LeaseLostError ? { kind: 'lost', error: reason } : outcome;
  } catch (error) {
    return outcomeOf(error, delivery.signal);
  } finally {
    timer.abort();
    await timeout;
  }
}
