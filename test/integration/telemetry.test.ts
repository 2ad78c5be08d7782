import { randomBytes } from 'node:crypto';
import { SpanKind } from '@opentelemetry/api';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { downloadBytes, type UrlSource } from '../../consumers/index.ts';
import type { LocalStack } from '../../local/index.ts';
import { createGetPresigner } from '../../shared/presign.ts';
import { activeTrace, inSpan } from '../../shared/telemetry.ts';
import { resolveStores } from '../../shared/stores.ts';
import { registerTelemetry } from '../helpers/telemetry.ts';
import { envelope, orderEvent, startHarness } from './consumers/worker-harness.ts';
import { publisherFor, s3For, startStack } from './producers/harness.ts';

const recorded = registerTelemetry();
let stack: LocalStack;
beforeAll(async () => {
  stack = await startStack();
});
afterEach(() => recorded.clear());
afterAll(async () => {
  await stack.close();
});

describe('publishing', () => {
  it('is one span with an upload in it, and writes its context into the event', async () => {
    await using publisher = publisherFor(stack);
    const { event } = await inSpan(
      'caller',
      {},
      async () =>
        await publisher.publish({
          type: 'order.created',
          correlationid: 'c-1',
          attachments: [{ name: 'a.bin', buffer: randomBytes(1000) }],
        }),
    );
    const [caller, send, upload] = ['caller', 'send waybill', 'waybill.upload'].map((name) =>
      recorded.span(name),
    );
    expect(send!.kind).toBe(SpanKind.PRODUCER);
    expect(send!.parentSpanContext?.spanId).toBe(caller!.spanContext().spanId);
    expect(upload!.parentSpanContext?.spanId).toBe(send!.spanContext().spanId);
    expect(send!.attributes).toEqual({
      'messaging.system': 'aws.eventbridge',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'waybill',
      'messaging.message.conversation_id': 'c-1',
      'cloudevents.event_id': event.id,
      'cloudevents.event_source': 'billing',
      'cloudevents.event_type': 'order.created',
    });
    expect(upload!.attributes).toMatchObject({ 'waybill.store': 'main', 'waybill.attachment.size': 1000 });
    const { traceId, spanId } = send!.spanContext();
    expect(event.traceparent).toBe(`00-${traceId}-${spanId}-01`);
    const [upBytes] = await recorded.points('waybill.upload.io');
    expect(upBytes).toEqual({ attributes: { 'waybill.store': 'main' }, value: 1000 });
    const [sent] = await recorded.points('messaging.client.sent.messages');
    expect(sent?.value).toBe(1);
  });

  it("leaves the caller's own trace context alone", async () => {
    await using publisher = publisherFor(stack);
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
    const { event } = await publisher.publish({ type: 'order.created', traceparent });
    expect(event.traceparent).toBe(traceparent);
    expect(event.tracestate).toBeUndefined();
  });

  it('fails its span and its count when the event cannot be published', async () => {
    await using publisher = publisherFor(stack);
    await expect(publisher.publish({ type: 'no spaces' })).rejects.toThrow('type');
    expect(recorded.span('send waybill').attributes['error.type']).toBe('event-parse');
    const failed = (await recorded.points('messaging.client.sent.messages')).filter(
      ({ attributes }) => attributes['error.type'] === 'event-parse',
    );
    expect(failed.map(({ value }) => value)).toEqual([1]);
  });
});

describe('downloading', () => {
  it('is a span with a refetch in it, and tells no URL and no claim check', async () => {
    await using publisher = publisherFor(stack);
    const body = randomBytes(5000);
    const { event } = await publisher.publish({
      type: 'order.created',
      attachments: [{ name: 'a.bin', buffer: body }],
    });
    recorded.clear();
    const [attachment] = event.data.attachments;
    const stores = { main: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint } };
    const client = s3For(stack);
    const presigner = createGetPresigner({ store: resolveStores(stores).get('main'), client });
    const urlSource: UrlSource = {
      async refetch({ key, versionId, size, digest }) {
        await client.send(new GetObjectCommand({ Bucket: 'payloads', Key: key, Range: 'bytes=0-0' }));
        return {
          access: await presigner.presign({ key, versionId, ttlSeconds: 900 }),
          versionId,
          size,
          digest,
        };
      },
    };
    const { access: _access, ...bare } = attachment!;
    expect(await downloadBytes(bare, { maxBytes: 5000 }, { stores, urlSource })).toEqual(body);
    const download = recorded.span('waybill.download');
    const refetch = recorded.span('waybill.refetch');
    expect(refetch.kind).toBe(SpanKind.CLIENT);
    expect(refetch.parentSpanContext?.spanId).toBe(download.spanContext().spanId);
    expect(refetch.attributes).toEqual({ 'waybill.refetch.reason': 'no-url' });
    expect(download.attributes).toEqual({
      'waybill.store': 'main',
      'aws.s3.key': bare.key,
      'waybill.attachment.size': 5000,
      'waybill.download.fetched_bytes': 5000,
      'waybill.download.resumed_bytes': 0,
      'waybill.download.refetches': 1,
      'waybill.download.retries': 0,
      'waybill.download.restarts': 0,
    });
    expect(await recorded.points('waybill.download.refetches')).toEqual([
      { attributes: { 'waybill.refetch.reason': 'no-url' }, value: 1 },
    ]);
    expect(await recorded.everything()).not.toMatch(/X-Amz-|eyJ[\w-]+\./);
    client.destroy();
  });

  it('marks the span of a failed download', async () => {
    await using publisher = publisherFor(stack);
    const { event } = await publisher.publish({
      type: 'order.created',
      attachments: [{ name: 'a.bin', buffer: randomBytes(9) }],
    });
    const stores = { main: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint } };
    const wrong = { ...event.data.attachments[0]!, size: 10 };
    await expect(downloadBytes(wrong, { maxBytes: 10 }, { stores })).rejects.toThrow('main/');
    expect(recorded.span('waybill.download').attributes['error.type']).toBeDefined();
  });
});

describe('a worker', () => {
  const work = async (id: string, fields: object = {}, handler = async (): Promise<void> => {}) => {
    await using harness = await startHarness();
    const bytes = randomBytes(3000);
    const attachment = await harness.attach(id, bytes);
    await harness.send(envelope(orderEvent(id, [attachment], fields)));
    await using watched = harness.work({
      consumer: 'billing',
      handler: async (event) => {
        await event.data.attachments[0]!.bytes({ maxBytes: 3000 });
        await handler();
      },
    });
    await watched.until('succeeded');
    await watched.worker.stop();
  };

  it("goes on with the event's trace: process, handler, download", async () => {
    const id = uuidv7();
    const published = await inSpan(
      'send waybill',
      { kind: 'producer' },
      async () => await Promise.resolve(activeTrace()),
    );
    await work(id, published, async () => {
      await inSpan('of the handler', {}, async () => {});
    });
    const [send, process, handler, download, own] = [
      'send waybill',
      'process orders',
      'waybill.handler',
      'waybill.download',
      'of the handler',
    ].map((name) => recorded.span(name));
    const parents = [process, handler, download, own].map((span) => span!.parentSpanContext?.spanId);
    const ids = [send, process, handler, handler].map((span) => span!.spanContext().spanId);
    expect(parents).toEqual(ids);
    expect(process!.spanContext().traceId).toBe(send!.spanContext().traceId);
    expect(process!.kind).toBe(SpanKind.CONSUMER);
    expect(process!.attributes).toMatchObject({
      'messaging.system': 'aws_sqs',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'orders',
      'messaging.consumer.group.name': 'billing',
      'cloudevents.event_id': id,
      'waybill.receive_count': 1,
      'waybill.outcome': 'succeeded',
    });
    expect(await recorded.everything()).not.toMatch(/X-Amz-|eyJ[\w-]+\./);
    const settled = (await recorded.points('waybill.worker.settled')).filter(
      ({ attributes }) => attributes['waybill.outcome'] === 'succeeded',
    );
    expect(settled.map(({ value }) => value)).toEqual([1]);
    const [inFlight] = await recorded.points('waybill.worker.in_flight');
    expect(inFlight?.value).toBe(0);
    const [processed] = await recorded.points('messaging.process.duration');
    expect(processed?.value).toMatchObject({ count: 1 });
  });

  it('links a replay to the trace that it was published in, and begins another', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await work(uuidv7(), { traceparent, replayid: 'replay-7', replaycount: 1 });
    const process = recorded.span('process orders');
    expect(process.spanContext().traceId).not.toBe('4bf92f3577b34da6a3ce929d0e0e4736');
    expect(process.links.map(({ context }) => context.spanId)).toEqual(['00f067aa0ba902b7']);
    expect(process.attributes['waybill.replay.id']).toBe('replay-7');
  });
});
