import {
  context,
  createTraceState,
  isSpanContextValid,
  ProxyTracerProvider,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';
import { isWaybillError } from './errors.ts';
import { redactText } from './redact.ts';

/** Name of Waybill's tracer and meter. */
export const INSTRUMENTATION = 'waybill';

/** Attributes of spans and metrics. URLs and claim checks are none; texts are redacted all the same. */
export type TelemetryAttributes = Attributes;

/** The part of an event that carries its trace. @see https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md */
export interface TraceFields {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** How a span begins. */
export interface SpanOptions {
  /** @default 'internal' */
  readonly kind?: 'internal' | 'client' | 'producer' | 'consumer';
  /** A function is called only if somebody records. */
  readonly attributes?: TelemetryAttributes | (() => TelemetryAttributes);
  /** The event that the span goes on with. @default - the active span */
  readonly continues?: TraceFields;
  /** The event that the span is about, without being a part of its trace. */
  readonly linksTo?: TraceFields;
}

/** A span under way. Without an OpenTelemetry SDK in the process it is nothing. */
export interface TelemetrySpan {
  set(attributes: TelemetryAttributes): void;
  /** A moment of the span. */
  event(name: string, attributes?: TelemetryAttributes): void;
  /** Marks the span as failed: its status, and `error.type`. */
  fail(error: unknown): void;
  /** Runs `work` with this span as the active one: spans that begin in it are its children. */
  within<T>(work: () => T): T;
  end(): void;
}

const KINDS = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/**
 * Runs `work` inside a span that ends with it. What it throws is told on the span and thrown on.
 * @param name without anything that varies from call to call, but the destination
 */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: TelemetrySpan) => Promise<T>,
): Promise<T> {
  if (!isRecorded()) return await work(SILENT);
  const { span, parent } = begin(name, options);
  const wrapped = wrap(span);
  try {
    return await context.with(trace.setSpan(parent, span), work, undefined, wrapped);
  } catch (error) {
    wrapped.fail(error);
    throw error;
  } finally {
    span.end();
  }
}

/** Begins a span that its caller ends. It is not the active one. */
export function startSpan(name: string, options: SpanOptions): TelemetrySpan {
  return isRecorded() ? wrap(begin(name, options).span) : SILENT;
}

/** The active span as an event carries it; empty without one. */
export function activeTrace(): { traceparent?: string; tracestate?: string } {
  const active = trace.getActiveSpan()?.spanContext();
  if (active === undefined || !isSpanContextValid(active)) return {};
  const flags = active.traceFlags.toString(16).padStart(2, '0');
  const state = active.traceState?.serialize();
  return {
    traceparent: `00-${active.traceId}-${active.spanId}-${flags}`,
    ...(state === undefined || state === '' ? {} : { tracestate: state }),
  };
}

/**
 * What telemetry says of an event.
 * @see https://opentelemetry.io/docs/specs/semconv/cloudevents/cloudevents-spans/
 */
export function eventAttributes(event: {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly correlationid?: string | undefined;
}): TelemetryAttributes {
  return {
    'cloudevents.event_id': event.id,
    'cloudevents.event_source': event.source,
    'cloudevents.event_type': event.type,
    'messaging.message.conversation_id': event.correlationid,
  };
}

/** What an error is called in telemetry: the code of a WaybillError, else its class. */
export function errorType(error: unknown): string {
  if (isWaybillError(error)) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

/** False as long as no SDK is registered: then nothing is made for spans at all. */
function isRecorded(): boolean {
  const provider = trace.getTracerProvider();
  return (
    !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(INSTRUMENTATION) !== undefined
  );
}

function begin(name: string, options: SpanOptions): { span: Span; parent: Context } {
  const { kind = 'internal', attributes: some = {}, continues, linksTo } = options;
  const attributes = typeof some === 'function' ? some() : some;
  const remote = continues === undefined ? undefined : spanContextOf(continues);
  const parent = remote === undefined ? context.active() : trace.setSpanContext(context.active(), remote);
  const linked = linksTo === undefined ? undefined : spanContextOf(linksTo);
  const links: Link[] = linked === undefined ? [] : [{ context: linked }];
  const started = { kind: KINDS[kind], links, attributes: safe(attributes) };
  // Asked for each time: an SDK may be registered after this module was loaded.
  const span = trace.getTracer(INSTRUMENTATION).startSpan(name, started, parent);
  return { span, parent };
}

/**
 * The W3C format itself, whatever propagator is configured: the event's attribute is defined by CloudEvents.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header-field-values
 */
function spanContextOf({ traceparent, tracestate }: TraceFields): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = ''] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '') ?? [];
  if (version === undefined || version === 'ff') return undefined;
  const found: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  };
  return isSpanContextValid(found) ? found : undefined;
}

/** A span that nobody records. */
const SILENT: TelemetrySpan = { set() {}, event() {}, fail() {}, within: (work) => work(), end() {} };

function wrap(span: Span | undefined): TelemetrySpan {
  const isOn = span?.isRecording() === true;
  if (span === undefined || !isOn)
    return { ...SILENT, within: (work) => withSpan(span, work), end: () => span?.end() };
  return {
    set: (attributes) => void span.setAttributes(safe(attributes)),
    event: (name, attributes = {}) => void span.addEvent(name, safe(attributes)),
    fail(error) {
      span.setAttribute('error.type', errorType(error));
      const message = redactText(error instanceof Error ? error.message : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message });
    },
    within: (work) => withSpan(span, work),
    end: () => span.end(),
  };
}

function withSpan<T>(span: Span | undefined, work: () => T): T {
  return span === undefined ? work() : context.with(trace.setSpan(context.active(), span), work);
}

function safe(attributes: TelemetryAttributes): TelemetryAttributes {
  const entries = Object.entries(attributes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? redactText(value) : value]),
  );
}
