import { context, metrics, trace, type Attributes } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader, type Histogram } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';

/** A reader that is only asked. */
class AskedReader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

/** One value of a metric and its attributes. */
export interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  /** A histogram's sum and count. */
  readonly value: number | { readonly sum: number; readonly count: number };
}

/** What an SDK in the process has recorded. */
export interface Recorded {
  spans(): ReadableSpan[];
  /** @throws when there is not exactly one */
  span(name: string | RegExp): ReadableSpan;
  points(metric: string): Promise<Point[]>;
  /** Everything exported so far, as text: what leaks anywhere is found here. */
  everything(): Promise<string>;
  clear(): void;
}

/** Registers an SDK with exporters in memory, for the rest of the process. */
export function registerTelemetry(): Recorded {
  const exporter = new InMemorySpanExporter();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  const reader = new AskedReader();
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  const collect = async () =>
    (await reader.collect()).resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  return {
    spans: () => exporter.getFinishedSpans(),
    span(name) {
      const found = exporter
        .getFinishedSpans()
        .filter((span) => (typeof name === 'string' ? span.name === name : name.test(span.name)));
      const [only] = found;
      if (only === undefined || found.length > 1) {
        const names = exporter.getFinishedSpans().map((span) => span.name);
        throw new Error(`${found.length} spans ${String(name)}, expected one of ${names.join(', ')}`);
      }
      return only;
    },
    async points(metric) {
      const data = (await collect()).find(({ descriptor }) => descriptor.name === metric);
      const points: readonly { attributes: Attributes; value: unknown }[] = data?.dataPoints ?? [];
      return points.map(({ attributes, value }) => {
        if (typeof value === 'number') return { attributes, value };
        const { sum = 0, count } = value as Histogram;
        return { attributes, value: { sum, count } };
      });
    },
    async everything() {
      const spans = exporter
        .getFinishedSpans()
        .map(({ name, attributes, events, status, links }) => ({ name, attributes, events, status, links }));
      return JSON.stringify({ spans, metrics: await collect() });
    },
    clear: () => exporter.reset(),
  };
}
