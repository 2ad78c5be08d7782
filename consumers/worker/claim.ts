import type { Lease } from '../idempotency/types.ts';
import { linkSignals } from '../../shared/cancellation.ts';
import type { WaybillEvent } from '../../shared/events/index.ts';
import { LeaseLostError } from '../outcomes.ts';
import { startHeartbeat, type Heartbeat } from '../visibility.ts';
import type { Delivery } from './attempt.ts';
import type { ResolvedIdempotency } from './options.ts';
import { PostponedError } from './postponed.ts';
import type { WorkerRuntime } from './runtime.ts';

/** Lease lengths that a message waits in place for another's lease, before it is given back. */
const WAIT_LEASES = 2;

/** An idempotency record that is ours, kept so by a heartbeat of its own. */
export interface HeldLease {
  readonly lease: Lease;
  readonly heartbeat: Heartbeat;
}

/** What an event is known by: the id of a replay that asks for it names the replay too. */
export function idempotencyId(event: WaybillEvent): string {
  const { id, replayid } = event;
  return event.replayagain === true && replayid !== undefined ? `${id}#${replayid}` : id;
}

/**
 * Takes the event's lease and keeps it: renewed in the rhythm of the visibility heartbeat; when it is lost, the message's
 * signal aborts with `LeaseLostError`.
 *
 * While another has it, the message waits in hand without a place for work, for up to two lease lengths: that is
 * what taking over from a process that died needs, and it costs no receive. Then it is given back.
 *
 * @param enter takes a place for work again
 * @returns `done` when the event was handled before
 * @throws {PostponedError} when another is at it; whatever the store throws
 */
export async function claim(
  delivery: Delivery,
  event: WaybillEvent,
  { store, consumer, leaseMs }: ResolvedIdempotency,
  runtime: WorkerRuntime,
  enter: () => Promise<void>,
): Promise<HeldLease | 'done'> {
  const { clock } = runtime.options;
  const { signal, place } = delivery;
  const key = { consumer, source: event.source, id: idempotencyId(event) };
  for (let waitedMs = 0; ;) {
    const sinceMs = clock.monotonicMs();
    const acquisition = await store.acquire(key, { leaseMs, signal: signal.signal });
    if (acquisition.state === 'done') return 'done';
    if (acquisition.state === 'acquired') {
      return hold(acquisition.lease, { leaseMs, sinceMs }, delivery, runtime);
    }
    const { retryAfterMs } = acquisition;
    if (waitedMs >= WAIT_LEASES * leaseMs || !place.stepAside()) {
      throw new PostponedError(
        'leased-elsewhere',
        'another worker is handling this event',
        retryAfterMs / 1000,
      );
    }
    using wait = linkSignals([signal, runtime.stopSignal]);
    await clock.sleep(retryAfterMs, wait.signal);
    waitedMs += retryAfterMs;
    await enter();
  }
}

function hold(
  lease: Lease,
  { leaseMs, sinceMs }: { leaseMs: number; sinceMs: number },
  delivery: Delivery,
  runtime: WorkerRuntime,
): HeldLease {
  const heartbeat = startHeartbeat({
    visibilityTimeoutSeconds: leaseMs / 1000,
    extend: async (_seconds, signal) => await lease.renew(signal),
    isLost: (error) => error instanceof LeaseLostError,
    onLost: (error) => delivery.abort(error),
    sinceMs,
    maxHoldSeconds: Number.POSITIVE_INFINITY,
    clock: runtime.options.clock,
    logger: runtime.logger,
  });
  return { lease, heartbeat };
}
