import { silentLogger, type Logger } from '../../shared/logger.ts';
import { inSpan } from '../../shared/telemetry.ts';
import type { ResolvedWorkerOptions } from '../worker/options.ts';
import { workerTelemetry } from '../worker/process-span.ts';
import type { Queue } from '../worker/queue.ts';
import type { WorkerEvent } from '../worker/types.ts';
import type { Monitor } from './monitor.ts';

/** A worker's options, with ears on its handler and its events. */
export function observed(
  options: ResolvedWorkerOptions,
  monitor: Monitor,
  inFlight: () => number,
): ResolvedWorkerOptions {
  const { handler, onEvent, clock, logger } = options;
  const count = workerTelemetry(options, inFlight);
  return {
    ...options,
    handler: async (event, context) => {
      const beganMs = clock.monotonicMs();
      try {
        await inSpan('waybill.handler', {}, async () => await handler(event, context));
      } finally {
        monitor.handled((clock.monotonicMs() - beganMs) / 1000);
      }
    },
    onEvent: (event) => {
      monitor.hear(event);
      count(event);
      if (logger !== silentLogger) logHandled(event, logger);
      onEvent?.(event);
    },
  };
}

/** The good news; whatever else became of a message is logged where it is decided. */
function logHandled(event: WorkerEvent, logger: Logger): void {
  const { kind } = event;
  if (kind !== 'succeeded' && kind !== 'duplicate' && kind !== 'ignored') return;
  const { kind: _kind, ...fields } = event;
  logger.info(
    fields,
    { succeeded: 'event handled', duplicate: 'event was handled before', ignored: 'event ignored' }[kind],
  );
}

/** A queue whose receives are watched. */
export function watched<Q extends Queue>(queue: Q, monitor: Monitor): Q {
  return {
    ...queue,
    async receive(request, signal) {
      const ended = monitor.polling();
      try {
        return await queue.receive(request, signal);
      } finally {
        ended();
      }
    },
  };
}

/** A receive may take so much longer than its long poll, in milliseconds: attempts, timeouts and delays of a client. */
const RECEIVE_SLACK_MS = 120_000;
/** Without a message in hand a worker that may receive does so again within this time, in milliseconds. */
const IDLE_MS = 90_000;

/**
 * Why a worker no longer makes progress although nothing it knows of is in its way; undefined if it does.
 * @param worker.mayReceive false while it starts or stops, or its circuit is not closed
 */
export function stuckReason(
  monitor: Pick<Monitor, 'receivingMs' | 'sinceReceiveMs'>,
  worker: { readonly mayReceive: boolean; readonly inFlight: number; readonly pollWaitSeconds: number },
): string | undefined {
  const { receivingMs, sinceReceiveMs } = monitor;
  if (receivingMs !== undefined) {
    const limitMs = worker.pollWaitSeconds * 1000 + RECEIVE_SLACK_MS;
    return receivingMs > limitMs ? `a receive has had no answer for ${seconds(receivingMs)} s` : undefined;
  }
  if (worker.mayReceive && worker.inFlight === 0 && sinceReceiveMs > IDLE_MS) {
    return `nothing is in hand, and nothing was asked for in ${seconds(sinceReceiveMs)} s`;
  }
  return undefined;
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
