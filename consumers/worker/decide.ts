import { LeaseLostError } from '../outcomes.ts';
import { attempt, type Delivery } from './attempt.ts';
import { describeError, outcomeOf, type Outcome } from './outcome.ts';
import { withGrace, within } from './patience.ts';
import { callMs, type WorkerRuntime } from './runtime.ts';

/**
 * Runs the attempt and says what became of it. Never throws.
 * @param graceMs how long the handler may wind down after its signal has aborted, in milliseconds
 */
export async function decide(delivery: Delivery, runtime: WorkerRuntime, graceMs: number): Promise<Outcome> {
  const { signal } = delivery;
  const grace = { clock: runtime.options.clock, graceMs, force: runtime.forceSignal };
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
export async function giveBack(
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
