import type { CircuitStatus } from '../worker/circuit.ts';
import type { WorkerStats } from '../worker/types.ts';
import type { MonitorTotals } from './monitor.ts';
import type { MetricFamily, MetricSample } from './prometheus.ts';

/** What `/metrics` is made of. */
export interface WorkerFacts {
  readonly queue: string;
  readonly consumer: string | undefined;
  readonly ready: boolean;
  readonly circuit: CircuitStatus;
  readonly stats: WorkerStats;
  readonly totals: MonitorTotals;
}

/** A worker's metrics; docs/telemetry.md explains each. */
export function workerMetrics(facts: WorkerFacts): MetricFamily[] {
  const { queue, consumer = '', ready, circuit, stats, totals } = facts;
  const counter = (name: string, help: string, value: number): MetricFamily => ({
    name: `waybill_worker_${name}_total`,
    help,
    type: 'counter',
    samples: [{ value }],
  });
  const gauge = (name: string, help: string, samples: readonly MetricSample[]): MetricFamily => ({
    name: `waybill_worker_${name}`,
    help,
    type: 'gauge',
    samples,
  });
  const outcomes: Readonly<Record<string, number>> = {
    succeeded: stats.succeeded,
    duplicate: stats.duplicates,
    ignored: stats.ignored,
    retried: stats.retried,
    postponed: stats.postponed,
    unavailable: stats.unavailable,
    rejected: stats.rejected,
    released: stats.released,
    lease_lost: stats.leasesLost,
  };
  return [
    gauge('info', 'Which worker this is.', [{ labels: { queue, consumer }, value: 1 }]),
    gauge('ready', '1 while messages are received.', [{ value: ready ? 1 : 0 }]),
    gauge(
      'circuit_state',
      '1 for the state that the circuit is in.',
      (['closed', 'open', 'probing'] as const).map((state) => ({
        labels: { state },
        value: circuit.state === state ? 1 : 0,
      })),
    ),
    counter('circuit_openings', 'Times that the circuit has opened.', totals.circuitOpenings),
    counter('messages_received', 'Messages received.', stats.received),
    {
      name: 'waybill_worker_messages_settled_total',
      help: 'Messages by what became of them.',
      type: 'counter',
      samples: Object.entries(outcomes).map(([outcome, value]) => ({ labels: { outcome }, value })),
    },
    gauge('messages_in_flight', 'Messages received and not yet settled.', [{ value: stats.inFlight }]),
    counter('receive_errors', 'ReceiveMessage calls that failed.', stats.receiveErrors),
    counter('downloads', 'Attachments downloaded and verified.', totals.downloads),
    counter('downloaded_bytes', 'Bytes of attachments downloaded and verified.', totals.downloadedBytes),
    {
      name: 'waybill_worker_refetches_total',
      help: 'Fresh URLs asked for, by reason.',
      type: 'counter',
      samples: [...totals.refetches].map(([reason, value]) => ({ labels: { reason }, value })),
    },
    {
      name: 'waybill_worker_handler_duration_seconds',
      help: 'How long the handler ran, whatever came of it.',
      type: 'histogram',
      histogram: totals.handlerSeconds,
    },
  ];
}
