import type { Clock } from '../../shared/clock.ts';
import type { WorkerEvent } from '../worker/types.ts';
import { createHistogram, HANDLER_SECONDS, type HistogramValue } from './histogram.ts';

/** What a worker's own counters do not tell, since it started. */
export interface MonitorTotals {
  /** Attachments that were downloaded and verified, and their bytes. */
  readonly downloads: number;
  readonly downloadedBytes: number;
  /** Fresh URLs asked for, by reason. */
  readonly refetches: ReadonlyMap<string, number>;
  readonly circuitOpenings: number;
  readonly handlerSeconds: HistogramValue;
}

/** Watches a worker: hears its events, its polls and its handler. */
export interface Monitor {
  hear(event: WorkerEvent): void;
  /** A receive begins. @returns what to call at its end */
  polling(): () => void;
  handled(seconds: number): void;
  readonly totals: MonitorTotals;
  /** How long the oldest receive under way has lasted, in milliseconds; undefined without one. */
  readonly receivingMs: number | undefined;
  /** Since the last receive ended, or since the worker started; in milliseconds. */
  readonly sinceReceiveMs: number;
}

export function createMonitor(clock: Pick<Clock, 'monotonicMs'>): Monitor {
  const refetches = new Map<string, number>();
  const handlerSeconds = createHistogram(HANDLER_SECONDS);
  const receiving = new Set<{ readonly sinceMs: number }>();
  let [downloads, downloadedBytes, circuitOpenings] = [0, 0, 0];
  let endedMs = clock.monotonicMs();
  return {
    hear(event) {
      if (event.kind === 'circuit-opened') circuitOpenings += 1;
      if (event.kind !== 'download') return;
      const { attachment, event: told } = event;
      if (told.kind === 'refetching') refetches.set(told.reason, (refetches.get(told.reason) ?? 0) + 1);
      if (told.kind !== 'verified') return;
      downloads += 1;
      downloadedBytes += attachment.size;
    },
    polling() {
      const poll = { sinceMs: clock.monotonicMs() };
      receiving.add(poll);
      return () => {
        receiving.delete(poll);
        endedMs = clock.monotonicMs();
      };
    },
    handled: (seconds) => handlerSeconds.record(seconds),
    get totals() {
      return {
        downloads,
        downloadedBytes,
        refetches,
        circuitOpenings,
        handlerSeconds: handlerSeconds.value,
      };
    },
    get receivingMs() {
      const [oldest] = receiving;
      return oldest === undefined ? undefined : clock.monotonicMs() - oldest.sinceMs;
    },
    get sinceReceiveMs() {
      return clock.monotonicMs() - endedMs;
    },
  };
}
