import {
  metrics,
  type Counter,
  type Histogram,
  type MeterProvider,
  type UpDownCounter,
} from '@opentelemetry/api';
import { INSTRUMENTATION } from './telemetry.ts';

/** Bounds of what takes milliseconds, in seconds. @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/ */
const SHORT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Bounds of what moves large payloads, in seconds. */
export const LONG_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600];

/** Everything that Waybill counts. docs/telemetry.md lists their attributes. */
export interface Instruments {
  /** `messaging.client.sent.messages`: events that were put on the bus, or failed to be. */
  readonly sent: Counter;
  /** `messaging.client.operation.duration`: publishing one event, uploads included. */
  readonly operationSeconds: Histogram;
  /** `messaging.client.consumed.messages` */
  readonly consumed: Counter;
  /** `messaging.process.duration`: from a message's receipt until its outcome is known. */
  readonly processSeconds: Histogram;
  readonly settled: Counter;
  readonly inFlight: UpDownCounter;
  readonly circuitsOpen: UpDownCounter;
  readonly downloadBytes: Counter;
  readonly downloadSeconds: Histogram;
  readonly refetches: Counter;
  readonly retries: Counter;
  readonly uploadBytes: Counter;
  readonly uploadSeconds: Histogram;
}

let latest: { readonly provider: MeterProvider; readonly instruments: Instruments } | undefined;

/**
 * The instruments of the meter provider that is registered now. Unlike a tracer, a meter that was taken before an SDK
 * came stays silent for good, so they are looked up at each use; that is one comparison.
 */
export function instruments(): Instruments {
  const provider = metrics.getMeterProvider();
  if (latest?.provider !== provider) latest = { provider, instruments: create(provider) };
  return latest.instruments;
}

function create(provider: MeterProvider): Instruments {
  const meter = provider.getMeter(INSTRUMENTATION);
  const counter = (name: string, unit: string, description: string): Counter =>
    meter.createCounter(name, { unit, description });
  const seconds = (name: string, description: string, bounds: number[]): Histogram =>
    meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries: bounds } });
  const level = (name: string, unit: string, description: string): UpDownCounter =>
    meter.createUpDownCounter(name, { unit, description });
  return {
    sent: counter('messaging.client.sent.messages', '{message}', 'Events given to the bus.'),
    operationSeconds: seconds(
      'messaging.client.operation.duration',
      'Duration of publishing one event, its uploads included.',
      LONG_SECONDS,
    ),
    consumed: counter('messaging.client.consumed.messages', '{message}', 'Messages received.'),
    processSeconds: seconds(
      'messaging.process.duration',
      "From a message's receipt until its outcome is known.",
      [...SHORT_SECONDS, 30, 60, 300, 900, 3600],
    ),
    settled: counter('waybill.worker.settled', '{message}', 'Messages by what became of them.'),
    inFlight: level('waybill.worker.in_flight', '{message}', 'Messages in work.'),
    circuitsOpen: level('waybill.worker.circuits_open', '{worker}', 'Workers that have stopped receiving.'),
    downloadBytes: counter('waybill.download.io', 'By', 'Bytes of payloads received.'),
    downloadSeconds: seconds('waybill.download.duration', 'Duration of one download.', LONG_SECONDS),
    refetches: counter('waybill.download.refetches', '{refetch}', 'Fresh URLs asked for.'),
    retries: counter('waybill.download.retries', '{retry}', 'Requests repeated after a transient fault.'),
    uploadBytes: counter('waybill.upload.io', 'By', 'Bytes of payloads that S3 has taken.'),
    uploadSeconds: seconds('waybill.upload.duration', 'Duration of one upload.', LONG_SECONDS),
  };
}
