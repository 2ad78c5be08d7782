/*
 * A worker, and each message in it, is a small state machine.
 *
 * The worker
 *   starting   asks the queue for its ARN and its dead-letter queue → polling
 *   polling    receives as many messages as the budget has room for (worker/budget.ts, worker/poll.ts)
 *   draining   first stop: receives nothing, hands back what a poll still brings and what waits for its turn, lets
 *              handlers end → stopped when nothing is in hand, aborting at the deadline
 *   aborting   deadline, or second stop: aborts every handler's signal; unfinished messages become visible at once
 *   stopped    nothing is in hand, no timer, listener or socket is left
 *
 * The circuit (worker/circuit.ts), beside polling
 *   closed     messages are received
 *   open       something that every message needs is broken: nothing is received, what waits for its turn is given
 *              back, `ready` is false; after 5 s, doubling up to 5 min → probing
 *   probing    one message at a time; one that succeeds → closed, one that finds it still broken → open, for longer.
 *              When SQS itself was broken, the next good receive closes it
 *
 * A message (worker/handle-message.ts)
 *   received   its visibility heartbeat begins; it runs until just before the last call
 *   checked    parsed, for this consumer, of a known type, every attachment admissible; no byte fetched yet
 *   waiting    for a place: messages and bytes, first come first served; large ones apart
 *   leasing    takes the event's idempotency record: done → deleted; another's → waits aside for up to two leases,
 *              then is given back
 *   in work    handler timeout, both heartbeats; manifest, downloads, handler
 *   recorded   the idempotency record says done; from here the event is never handled again
 *   settled    deleted, dead-lettered and deleted, visible again, or left alone because the lease was lost; a record
 *              that was not completed is given back first
 */
import { setMaxListeners } from 'node:events';
import { createMonitor, type Monitor } from './health/monitor.ts';
import { observed, stuckReason, watched } from './health/observe.ts';
import { serveWorkerHealth, type WorkerHealth } from './health/server.ts';
import { WorkerStoppedError } from './outcomes.ts';
import { openQueue } from './sqs/open-queue.ts';
import { createMessageCalls } from './worker/batches.ts';
import { createBudget, type Budget } from './worker/budget.ts';
import { createCircuit, type Circuit, type CircuitStatus } from './worker/circuit.ts';
import { downloadOptions } from './worker/download-options.ts';
import { resolveWorkerOptions, type ResolvedWorkerOptions, type WorkerOptions } from './worker/options.ts';
import { poll } from './worker/poll.ts';
import { queueName } from './worker/process-span.ts';
import { callMs, safeEmit, zeroCounters, type Counters } from './worker/runtime.ts';
import { learnQueue } from './worker/start.ts';
import type { EventSchemas, WorkerEvent, WorkerStats } from './worker/types.ts';

export { workerDefaults } from './worker/options.ts';
export type { CircuitStatus, SharedFailure } from './worker/circuit.ts';
export type {
  BackoffOptions,
  IdempotencyOptions,
  SqsConnection,
  WorkerDownloadOptions,
  WorkerOptions,
} from './worker/options.ts';
export type {
  EventSchemas,
  Handler,
  HandlerContext,
  ReceivedAttachment,
  ReceivedEvent,
  ReceivedEventOf,
  SavedFile,
  SaveOptions,
  WorkerEvent,
  WorkerStats,
} from './worker/types.ts';

/** A running worker. */
export interface Worker extends AsyncDisposable {
  /**
   * Resolves when the worker has stopped and every message is settled.
   * @throws {TypeError} when the queue does not exist or no region is known. Nobody listening is an unhandled rejection:
   *   a worker without a queue must not be silent.
   */
  readonly done: Promise<WorkerStats>;
  readonly stats: WorkerStats;
  /** True while it takes messages: it has learned its queue, was not told to stop, and its circuit is closed. */
  readonly ready: boolean;
  /** Why it takes none, if something that every message needs is broken. */
  readonly circuit: CircuitStatus;
  /** How it is, as `serveWorkerHealth` tells it. */
  readonly health: WorkerHealth;
  /**
   * First call: polls no more, hands back what a poll still brings, waits for running handlers, and at the deadline
   * aborts their signals. Second call: aborts them at once and waits for nothing. Unfinished messages are made visible.
   * @param options.deadlineMs in place of `stopDeadlineMs`, for the first call
   * @returns `done`
   */
  stop(options?: { readonly deadlineMs?: number }): Promise<WorkerStats>;
}

/**
 * Starts a worker: receives events from a queue, checks them, and hands each to the handler with its attachments ready
 * to be fetched.
 *
 * What becomes of a message: handled, or handled before → deleted. `Reject`, or anything else of disposition `reject` → dead-letter queue
 * with the reason in the attribute `waybill.reject`, then deleted. `unavailable` → visible again after a long backoff,
 * and the circuit opens. Anything else → visible again after a full-jitter backoff by receive count. A message whose
 * lease was lost is left alone. Payloads are never deleted.
 *
 * Handlers run **at least once** per event, in no particular order. With idempotency records an event that was handled is
 * not handled again; its effects happen once if they commit with `event.idempotencyKey`.
 *
 * @throws {TypeError|RangeError} naming the option that is wrong
 * @example
 * const worker = createWorker({
 *   queueUrl,
 *   stores: { payloads: { bucket: 'acme-payloads', region: 'eu-central-1' } },
 *   events: { 'invoice.created': z.object({ number: z.string() }) },
 *   handler: async (event, { saveAll }) => {
 *     await saveAll(`/var/spool/invoices/${event.data.number.replaceAll(/\W/g, '_')}`);
 *   },
 * });
 * process.on('SIGTERM', () => void worker.stop());
 * await worker.done;
 */
export function createWorker<const Schemas extends EventSchemas>(options: WorkerOptions<Schemas>): Worker {
  const checked = resolveWorkerOptions(options);
  const budget = createBudget(checked);
  const monitor = createMonitor(checked.clock);
  const resolved = observed(checked, monitor, () => budget.inHand);
  const signals = {
    stop: new AbortController(),
    work: new AbortController(),
    force: new AbortController(),
    done: new AbortController(),
  };
  // One listener per message in work is no leak.
  for (const { signal } of Object.values(signals)) setMaxListeners(4 * resolved.concurrency + 40, signal);
  const counters = zeroCounters();
  const emit = safeEmit(resolved.onEvent, resolved.logger);
  const circuit = createCircuit(resolved.clock, resolved.random, (event) => {
    if (event.kind === 'circuit-opened') resolved.logger.error(event, 'the circuit has opened');
    else resolved.logger.info(event, 'the circuit has changed');
    emit(event);
  });
  let [isPolling, isDone] = [false, false];
  const stats = (): WorkerStats => ({ ...counters, inFlight: budget.inHand });

  const stop = async ({ deadlineMs = resolved.stopDeadlineMs } = {}): Promise<WorkerStats> => {
    const again = signals.stop.signal.aborted;
    const isNews = !signals.done.signal.aborted && !signals.force.signal.aborted;
    if (again) {
      signals.force.abort(new WorkerStoppedError('the worker was told to stop at once'));
      signals.work.abort(signals.force.signal.reason);
    } else {
      const reason = new WorkerStoppedError('the worker stops');
      signals.stop.abort(reason);
      budget.turnAway(reason);
      resolved.clock.sleep(deadlineMs, signals.done.signal).then(
        () => signals.work.abort(new WorkerStoppedError(`the worker waited ${deadlineMs} ms, and stops now`)),
        () => undefined,
      );
    }
    // After the state has changed: who stops the worker from `onEvent` stops it once more, not for ever.
    if (isNews) emit({ kind: 'stopping', forced: again });
    return await done;
  };

  const onAbort = (): void => void stop().catch(() => undefined); // `done` tells
  const work = async (): Promise<WorkerStats> => {
    const { health } = resolved;
    try {
      await using _server = health === undefined ? undefined : await serveWorkerHealth(worker, health);
      await run(resolved, {
        monitor,
        counters,
        budget,
        circuit,
        emit,
        onPolling: () => (isPolling = true),
        stop: signals.stop.signal,
        work: signals.work.signal,
        force: signals.force.signal,
      });
    } finally {
      [isPolling, isDone] = [false, true];
      resolved.signal?.removeEventListener('abort', onAbort);
      signals.done.abort();
    }
    emit({ kind: 'stopped', stats: stats() });
    return stats();
  };
  // On the next microtask, so that the caller has its worker when the first event is told.
  const done = Promise.resolve().then(work);
  if (resolved.signal?.aborted === true) onAbort();
  else resolved.signal?.addEventListener('abort', onAbort, { once: true });
  const worker: Worker = {
    done,
    stop,
    get stats() {
      return stats();
    },
    get ready() {
      return isPolling && !signals.stop.signal.aborted && circuit.status.state === 'closed';
    },
    get circuit() {
      return circuit.status;
    },
    get health() {
      const { ready } = worker;
      const { inFlight } = stats();
      const { queueUrl, consumer, pollWaitSeconds } = resolved;
      return {
        queue: queueName(queueUrl),
        consumer,
        ready,
        circuit: circuit.status,
        stats: stats(),
        totals: monitor.totals,
        stuck: isDone
          ? 'the worker has ended'
          : stuckReason(monitor, { mayReceive: ready, inFlight, pollWaitSeconds }),
      };
    },
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
  return worker;
}

interface RunParts {
  readonly monitor: Monitor;
  readonly counters: Counters;
  readonly budget: Budget;
  readonly circuit: Circuit;
  readonly emit: (event: WorkerEvent) => void;
  readonly onPolling: () => void;
  readonly stop: AbortSignal;
  readonly work: AbortSignal;
  readonly force: AbortSignal;
}

async function run(options: ResolvedWorkerOptions, parts: RunParts): Promise<void> {
  const { stop, work, force, onPolling, monitor, ...shared } = parts;
  const { clock, random, logger } = options;
  await using opened = openQueue(options);
  const queue = watched(opened, monitor);
  const facts = await learnQueue(queue, options, logger, stop).catch((error: unknown) => {
    if (stop.aborted) return undefined; // stopped before it began
    throw error;
  });
  if (facts === undefined) return;
  shared.emit({ kind: 'started', deadLetterQueueUrl: facts.deadLetterQueueUrl });
  onPolling();
  const signals = { stopSignal: stop, workSignal: work, forceSignal: force };
  const calls = createMessageCalls(queue, { clock, random, callMs: () => callMs(signals) });
  await poll({
    receives: new Set(),
    options,
    queue,
    calls,
    ...facts,
    ...shared,
    download: downloadOptions(options),
    logger,
    ...signals,
  });
}
