import { setMaxListeners } from 'node:events';
import { createClockOffset, type DownloadOptions } from './download/index.ts';
import { WorkerStoppedError } from './outcomes.ts';
import { resolveWorkerOptions, type ResolvedWorkerOptions, type WorkerOptions } from './worker/options.ts';
import { createPause } from './worker/pause.ts';
import { poll } from './worker/poll.ts';
import { createQueue } from './worker/queue.ts';
import { safeEmit, zeroCounters, type Counters } from './worker/runtime.ts';
import { createSlots, type Slots } from './worker/slots.ts';
import { learnQueue } from './worker/start.ts';
import type { EventSchemas, WorkerEvent, WorkerStats } from './worker/types.ts';

export { workerDefaults } from './worker/options.ts';
export type {
  BackoffOptions,
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

/** Pauses while everything is unavailable: 5 s at first, 5 min at most. */
const PAUSE_BACKOFF = { backoffBaseMs: 5_000, backoffCapMs: 300_000 };

/** A running worker. */
export interface Worker extends AsyncDisposable {
  /**
   * Resolves when the worker has stopped and every message is settled.
   * @throws {TypeError} when the queue does not exist or no region is known. Nobody listening is an unhandled rejection:
   *   a worker without a queue must not be silent.
   */
  readonly done: Promise<WorkerStats>;
  readonly stats: WorkerStats;
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
 * States: *starting* (asks the queue for its dead-letter queue) → *polling* ⇄ *paused* (something that every message
 * needs is broken) → *draining* (first stop) → *aborting* (deadline, or second stop) → *stopped*.
 *
 * What becomes of a message: handled → deleted. `Reject`, or anything else of disposition `reject` → dead-letter queue
 * with the reason in the attribute `waybill.reject`, then deleted. `unavailable` → visible again after a long backoff,
 * and the worker pauses. Anything else → visible again after a full-jitter backoff by receive count. A message whose
 * lease was lost is left alone. Payloads are never deleted.
 *
 * Handlers run **at least once** per event, in no particular order.
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
  const resolved = resolveWorkerOptions(options);
  const signals = {
    stop: new AbortController(),
    work: new AbortController(),
    force: new AbortController(),
    done: new AbortController(),
  };
  // One listener per message in work is no leak.
  for (const { signal } of Object.values(signals)) setMaxListeners(2 * resolved.concurrency + 10, signal);
  const counters = zeroCounters();
  const slots = createSlots(resolved.concurrency);
  const emit = safeEmit(resolved.onEvent, resolved.logger);
  const stats = (): WorkerStats => ({ ...counters, inFlight: slots.running });

  const stop = async ({ deadlineMs = resolved.stopDeadlineMs } = {}): Promise<WorkerStats> => {
    const again = signals.stop.signal.aborted;
    if (!signals.done.signal.aborted) emit({ kind: 'stopping', forced: again });
    if (again) {
      signals.force.abort(new WorkerStoppedError('the worker was told to stop at once'));
      signals.work.abort(signals.force.signal.reason);
    } else {
      signals.stop.abort(new WorkerStoppedError('the worker stops'));
      resolved.clock.sleep(deadlineMs, signals.done.signal).then(
        () => signals.work.abort(new WorkerStoppedError(`the worker waited ${deadlineMs} ms, and stops now`)),
        () => undefined,
      );
    }
    return await done;
  };

  const onAbort = (): void => void stop().catch(() => undefined); // `done` tells
  const work = async (): Promise<WorkerStats> => {
    try {
      await run(resolved, {
        counters,
        slots,
        emit,
        stop: signals.stop.signal,
        work: signals.work.signal,
        force: signals.force.signal,
      });
    } finally {
      resolved.signal?.removeEventListener('abort', onAbort);
      signals.done.abort();
      if (resolved.ownsSqs) resolved.sqs.destroy();
    }
    emit({ kind: 'stopped', stats: stats() });
    return stats();
  };
  // On the next microtask, so that the caller has its worker when the first event is told.
  const done = Promise.resolve().then(work);
  if (resolved.signal?.aborted === true) onAbort();
  else resolved.signal?.addEventListener('abort', onAbort, { once: true });
  return {
    done,
    stop,
    get stats() {
      return stats();
    },
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

interface RunParts {
  readonly counters: Counters;
  readonly slots: Slots;
  readonly emit: (event: WorkerEvent) => void;
  readonly stop: AbortSignal;
  readonly work: AbortSignal;
  readonly force: AbortSignal;
}

async function run(options: ResolvedWorkerOptions, parts: RunParts): Promise<void> {
  const { counters, slots, emit, stop, work, force } = parts;
  const { clock, random, logger } = options;
  const queue = createQueue(options.sqs, options.queueUrl);
  const facts = await learnQueue(queue, options, logger, stop).catch((error: unknown) => {
    if (stop.aborted) return undefined; // stopped before it began
    throw error;
  });
  if (facts === undefined) return;
  emit({ kind: 'started', deadLetterQueueUrl: facts.deadLetterQueueUrl });
  const pause = createPause(clock, random, PAUSE_BACKOFF);
  const download = downloadOptions(options);
  const signals = { workSignal: work, forceSignal: force };
  await poll({ options, queue, ...facts, download, pause, counters, logger, emit, ...signals }, slots, stop);
}

function downloadOptions(options: ResolvedWorkerOptions): DownloadOptions {
  const { stores, urlSource, clock, random, logger, download } = options;
  return {
    clockOffset: createClockOffset(),
    ...download,
    ...(urlSource === undefined ? {} : { urlSource }),
    stores,
    clock,
    random,
    logger,
  };
}
