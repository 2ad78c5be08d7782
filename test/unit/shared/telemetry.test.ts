import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { UrlServiceError } from '../../../shared/errors.ts';
import { activeTrace, errorType, inSpan, startSpan } from '../../../shared/telemetry.ts';
import { instruments } from '../../../shared/telemetry-metrics.ts';
import { registerTelemetry, type Recorded } from '../../helpers/telemetry.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

describe('telemetry without an SDK', () => {
  it('runs the work, returns its value and throws what it throws', async () => {
    expect(await inSpan('a', {}, async () => await Promise.resolve(7))).toBe(7);
    const failure = new Error('no');
    await expect(inSpan('a', {}, async () => await Promise.reject(failure))).rejects.toBe(failure);
  });

  it('has no trace to write into events', async () => {
    const inside = inSpan(
      'a',
      { continues: { traceparent: PARENT } },
      async () => await Promise.resolve(activeTrace()),
    );
    expect(await inside).toEqual({});
    expect(activeTrace()).toEqual({});
  });

  it('counts into nothing', () => {
    expect(() => instruments().sent.add(1)).not.toThrow();
  });
});

describe('telemetry with an SDK', () => {
  let recorded: Recorded;
  beforeAll(() => {
    recorded = registerTelemetry(); // after the instruments were used: they must not stay silent
  });
  afterEach(() => recorded.clear());

  it('goes on with the trace of an event', async () => {
    const event = { traceparent: PARENT, tracestate: 'vendor=1' };
    const own = await inSpan(
      'process q',
      { kind: 'consumer', continues: event },
      async () => await Promise.resolve(activeTrace()),
    );
    const span = recorded.span('process q');
    expect(span.spanContext().traceId).toBe(TRACE);
    expect(span.parentSpanContext?.spanId).toBe('00f067aa0ba902b7');
    expect(span.kind).toBe(SpanKind.CONSUMER);
    expect(own).toEqual({
      traceparent: `00-${TRACE}-${span.spanContext().spanId}-01`,
      tracestate: 'vendor=1',
    });
  });

  it('links to an event without joining its trace', async () => {
    await inSpan('process q', { linksTo: { traceparent: PARENT } }, async () => {});
    const span = recorded.span('process q');
    expect(span.spanContext().traceId).not.toBe(TRACE);
    expect(span.links.map((link) => link.context.traceId)).toEqual([TRACE]);
  });

  it.each([
    undefined,
    '',
    'nonsense',
    PARENT.replace(/^00/, 'ff'),
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
  ])('begins a trace of its own for traceparent %j', async (traceparent) => {
    await inSpan('a', { continues: { traceparent } }, async () => {});
    expect(recorded.span('a').parentSpanContext).toBeUndefined();
  });

  it('nests what runs inside, also in a span that its caller ends', async () => {
    const outer = startSpan('outer', {});
    await outer.within(async () => await inSpan('inner', {}, async () => {}));
    outer.end();
    expect(recorded.span('inner').parentSpanContext?.spanId).toBe(
      recorded.span('outer').spanContext().spanId,
    );
  });

  it('names the failure by its code, and takes secrets out of every text', async () => {
    const url = 'https://bucket.example/key?X-Amz-Signature=0123456789abcdef0123';
    const claim = 'eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl';
    const work = inSpan('a', { attributes: { at: url, none: undefined } }, async (span) => {
      span.set({ claim });
      span.event('tried', { url });
      return await Promise.reject(new UrlServiceError(`POST ${url} with ${claim} failed`));
    });
    await expect(work).rejects.toThrow(UrlServiceError);
    const span = recorded.span('a');
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes['error.type']).toBe('url-service');
    expect(span.attributes).not.toHaveProperty('none');
    const text = await recorded.everything();
    expect(text).toContain('https://bucket.example/key?[redacted]');
    expect(text).not.toMatch(/X-Amz-Signature=0|eyJhbGciOiJFZERTQSJ9/);
  });

  it('counts into an SDK that came after the first count', async () => {
    instruments().sent.add(2, { 'messaging.destination.name': 'bus' });
    expect(await recorded.points('messaging.client.sent.messages')).toEqual([
      { attributes: { 'messaging.destination.name': 'bus' }, value: 2 },
    ]);
  });
});

describe('errorType', () => {
  it('is a code, a class, or a type', () => {
    expect(errorType(new UrlServiceError('down'))).toBe('url-service');
    expect(errorType(new TypeError('wrong'))).toBe('TypeError');
    expect(errorType('text')).toBe('string');
  });
});
