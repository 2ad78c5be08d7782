import type { Logger } from '../../shared/logger.ts';
import type { DownloadOptions } from '../download/index.ts';
import type { MessageCalls } from './batches.ts';
import type { Budget } from './budget.ts';
import type { Circuit } from './circuit.ts';
import type { ResolvedWorkerOptions } from './options.ts';
import type { Queue } from './queue.ts';
import type { WorkerEvent, WorkerStats } from './types.ts';

/** Longest that a last call for a message may take, in milliseconds; less when the stop is forced. */
const CALL_MS = 10_000;
const FORCED_CALL_MS = 2_000;

/** Counters behind `WorkerStats`. */
export type Counters = { -readonly [Name in Exclude<keyof WorkerStats, 'inFlight'>]: number };

/** What a running worker's parts share. */
export interface WorkerRuntime {
  readonly options: ResolvedWorkerOptions;
  readonly queue: Queue;
  /** The queue's calls for single messages, in batches. */
  readonly calls: MessageCalls;
  /** The queue's ARN, or its URL where the ARN cannot be read. */
  readonly queueId: string;
  readonly deadLetterQueueUrl: string | undefined;
  /** What all downloads have in common. */
  readonly download: DownloadOptions;
  readonly budget: Budget;
  /** Receives under way; none of them rejects. */
  readonly receives: Set<Promise<unknown>>;
  readonly circuit: Circuit;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly emit: (event: WorkerEvent) => void;
  /** Aborts when the worker is told to stop: nothing new is begun. */
  readonly stopSignal: AbortSignal;
  /** Aborts at the stop's deadline: running handlers shall end. */
  readonly workSignal: AbortSignal;
  /** Aborts when the stop is forced: nothing is waited for. */
  readonly forceSignal: AbortSignal;
}

/** Counters of a worker that has done nothing. */
export function zeroCounters(): Counters {
  return {
    received: 0,
    succeeded: 0,
    retried: 0,
    rejected: 0,
    unavailable: 0,
    duplicates: 0,
    postponed: 0,
    ignored: 0,
    released: 0,
    leasesLost: 0,
    receiveErrors: 0,
  };
}

/** A listener that cannot break the worker: what it throws is logged. */
export function safeEmit(
  onEvent: ((event: WorkerEvent) => void) | undefined,
  logger: Logger,
): (event: WorkerEvent) => void {
  return (event) => {
    try {
      onEvent?.(event);
    } catch (error) {
      logger.error({ error, kind: event.kind }, 'onEvent threw');
    }
  };
}

/** Longest that a call may take now that tells others what became of a message, in milliseconds. */
export function callMs({ forceSignal }: Pick<WorkerRuntime, 'forceSignal'>): number {
  return forceSignal.aborted ? FORCED_CALL_MS : CALL_MS;
}
