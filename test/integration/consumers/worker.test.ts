import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createWorker,
  readRejection,
  Reject,
  rejectId,
  RetryLater,
  saveEvent,
  type SavedFile,
} from '../../../consumers/index.ts';
import { UrlServiceError } from '../../../shared/errors.ts';
import { parseEvent } from '../../../shared/events/index.ts';
import { envelope, events, orderEvent, SOURCE, startHarness, TYPE, type Harness } from './worker-harness.ts';

let harness: Harness;
let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'waybill-worker-'));
  harness = await startHarness();
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const count = (seen: readonly { kind: string }[], kind: string): number =>
  seen.filter((event) => event.kind === kind).length;

describe('a worker', () => {
  it('takes an event from the bus, saves its files verified, and deletes the message', async () => {
    const id = uuidv7();
    const bytes = Buffer.from('two crates of oranges\n');
    const event = orderEvent(id, [await harness.attach(id, bytes, { name: 'papers/order.txt' })]);
    let saved: SavedFile[] = [];
    await using watched = harness.work({
      handler: async (received, context) => {
        expect(received.data.orderId).toBe('o-1');
        expect(context.envelope.source).toBe(SOURCE);
        expect(JSON.stringify(received)).not.toMatch(/X-Amz-Signature|eyJ/);
        const [attachment] = received.data.attachments;
        expect(await attachment!.bytes({ maxBytes: 100 })).toEqual(bytes);
        saved = await context.saveAll(dir);
      },
    });
    const bus = new EventBridgeClient(harness.stack.clientOptions());
    const Entries = [
      { EventBusName: 'waybill', Source: SOURCE, DetailType: TYPE, Detail: JSON.stringify(event) },
    ];
    await bus.send(new PutEventsCommand({ Entries }));
    bus.destroy();
    await watched.until('succeeded', ({ eventId }) => eventId === id);
    expect(saved.map(({ relativePath }) => relativePath)).toEqual(['papers/order.txt']);
    expect(await readFile(saved[0]!.path)).toEqual(bytes);
    expect(saved[0]!.result.verified.sha256).toBe(true);
    expect((await readdir(join(dir, id))).sort()).toEqual(['event.json', 'files']);
    const kept = await readFile(join(dir, id, 'event.json'), 'utf8');
    expect((await stat(join(dir, id, 'event.json'))).mode & 0o777).toBe(0o600);
    expect(kept).not.toContain('X-Amz-');
    expect(parseEvent(kept).data.attachments[0]?.claimCheck).toBeDefined();
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });

  it('streams an attachment', async () => {
    const id = uuidv7();
    const bytes = Buffer.alloc(100_000, 'waybill');
    const chunks: Buffer[] = [];
    await using watched = harness.work({
      handler: async (event) => {
        for await (const chunk of event.data.attachments[0]!.stream()) chunks.push(chunk as Buffer);
      },
    });
    await harness.send(envelope(orderEvent(id, [await harness.attach(id, bytes)])));
    await watched.until('succeeded');
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  it('tries again after an error and after RetryLater, and tells the receive count', async () => {
    const counts: number[] = [];
    await using watched = harness.work({
      handler: async (_event, { receiveCount }) => {
        counts.push(receiveCount);
        if (receiveCount === 1) throw new Error('not yet');
        if (receiveCount === 2) throw new RetryLater('nor now', { delaySeconds: 0 });
      },
    });
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    await watched.until('succeeded');
    expect(counts).toEqual([1, 2, 3]);
    expect(watched.worker.stats).toMatchObject({ received: 3, retried: 2, succeeded: 1, rejected: 0 });
  });

  it('dead-letters what the handler rejects, with body, reason and a deterministic id', async () => {
    const id = uuidv7();
    const body = envelope(orderEvent(id, []));
    await using watched = harness.work({
      consumer: 'billing',
      handler: async () => {
        throw new Reject('see https://s3.example/b/k?X-Amz-Signature=secret');
      },
    });
    const messageId = await harness.send(body);
    await watched.until('rejected');
    const [letter] = await harness.deadLetters(1);
    expect(letter?.Body).toBe(body);
    expect(readRejection(letter?.MessageAttributes)).toMatchObject({
      rejectId: rejectId(harness.stack.queueArn('orders'), messageId),
      code: 'rejected-by-handler',
      reason: 'see https://s3.example/b/k?[redacted]',
      consumer: 'billing',
      receiveCount: 1,
      eventId: id,
      source: SOURCE,
      type: TYPE,
    });
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });

  it('keeps a rejected message when the dead-letter queue does not take it', async () => {
    await using watched = harness.work({
      handler: async () => {
        throw new Reject('no');
      },
    });
    // The test's own sends go first; every attempt of the SDK's first call fails.
    await watched.until('started');
    const remove = harness.stack.faults.add({
      match: { service: 'sqs', operation: 'SendMessage' },
      skip: 1,
      times: 3,
      faults: { kind: 'status', status: 500 },
    });
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    await watched.until('rejected');
    remove();
    expect(count(watched.seen, 'retried')).toBe(1);
    expect(await harness.deadLetters(1)).toHaveLength(1);
  });

  it('opens its circuit and makes the message visible when something shared is broken', async () => {
    let broken = true;
    await using watched = harness.work({
      handler: async () => {
        if (broken) throw new UrlServiceError('the URL service is down');
      },
      random: () => 0,
    });
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    expect(await watched.until('circuit-opened')).toEqual({
      kind: 'circuit-opened',
      code: 'url-service',
      reason: 'the URL service is down',
      delayMs: 2500,
    });
    expect(watched.worker.ready).toBe(false);
    expect(watched.worker.circuit).toMatchObject({ state: 'open', code: 'url-service' });
    broken = false;
    await watched.until('succeeded');
    await watched.until('circuit-closed');
    expect(watched.worker.ready).toBe(true);
    expect(watched.worker.stats).toMatchObject({ unavailable: 1, rejected: 0, succeeded: 1 });
  });

  it('aborts a handler that takes too long, and tries again', async () => {
    const reasons: unknown[] = [];
    await using watched = harness.work({
      handlerTimeoutSeconds: 1,
      handler: async (_event, { signal, receiveCount }) => {
        if (receiveCount > 1) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        reasons.push((signal.reason as Error).name);
        throw new Error('ended');
      },
    });
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    await watched.until('succeeded');
    expect(reasons).toEqual(['HandlerTimeoutError']);
    expect(await watched.until('retried')).toMatchObject({ code: 'handler-timeout' });
  });

  it('retries what it would reject when no dead-letter queue is known', async () => {
    await harness.stack.putQueue({ name: 'plain' });
    const queueUrl = harness.stack.queueUrl('plain');
    await using watched = harness.work({ queueUrl });
    await harness.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: 'not json' }));
    expect(await watched.until('started')).toMatchObject({ deadLetterQueueUrl: undefined });
    expect(await watched.until('retried')).toMatchObject({ code: 'event-parse' });
    expect(watched.worker.stats.rejected).toBe(0);
  });

  it('resumes a download that an earlier delivery began', async () => {
    const id = uuidv7();
    const bytes = Buffer.alloc(300_000, 'resume');
    const event = orderEvent(id, [await harness.attach(id, bytes)]);
    const remove = harness.stack.faults.add({
      match: { service: 's3', operation: 'GetObject' },
      skip: 2,
      times: Infinity,
      faults: { kind: 'status', status: 503 },
    });
    let saved: SavedFile[] = [];
    await using watched = harness.work({
      download: {
        partSizeBytes: 100_000,
        connections: 1,
        singleGetBelowBytes: 0,
        retry: { maxAttempts: 1, backoffBaseMs: 0 },
      },
      handler: async (_event, { saveAll, receiveCount }) => {
        if (receiveCount > 1) remove();
        saved = await saveAll(dir);
      },
    });
    await harness.send(envelope(event));
    await watched.until('succeeded');
    expect(await watched.until('retried')).toMatchObject({ code: 'transfer' });
    expect(saved[0]!.result).toMatchObject({ journalBytes: 200_000, fetchedBytes: 100_000 });
    expect((await readFile(saved[0]!.path)).equals(bytes)).toBe(true);
  });

  it('fetches no file again that an earlier delivery saved, unless it has changed since', async () => {
    const id = uuidv7();
    const [kept, spoilt] = [Buffer.alloc(50_000, 'kept'), Buffer.alloc(50_000, 'right')];
    const event = orderEvent(id, [
      await harness.attach(id, kept, { id: 'a1', name: 'kept.bin' }),
      await harness.attach(id, spoilt, { id: 'a2', name: 'spoilt.bin' }),
    ]);
    let saved: SavedFile[] = [];
    await using watched = harness.work({
      handler: async (_event, { saveAll, receiveCount }) => {
        saved = await saveAll(dir);
        if (receiveCount > 1) return;
        await writeFile(saved[1]!.path, Buffer.alloc(50_000, 'wrong'));
        throw new Error('the database is away');
      },
    });
    await harness.send(envelope(event));
    await watched.until('succeeded');
    expect(saved.map(({ result }) => result.fetchedBytes)).toEqual([0, 50_000]);
    expect(saved[0]!.result).toMatchObject({ journalBytes: 50_000, verified: { sha256: true } });
    expect((await readFile(saved[0]!.path)).equals(kept)).toBe(true);
    expect((await readFile(saved[1]!.path)).equals(spoilt)).toBe(true);
  });

  it('ends a download that the handler did not wait for', async () => {
    const id = uuidv7();
    const event = orderEvent(id, [await harness.attach(id, Buffer.alloc(50_000))]);
    harness.stack.faults.add({
      match: { service: 's3', operation: 'GetObject' },
      times: Infinity,
      faults: { kind: 'stall', afterBytes: 10 },
    });
    let left: Promise<unknown> | undefined;
    await using watched = harness.work({
      handler: async ({ data }) => {
        left = data.attachments[0]!.bytes({ maxBytes: 50_000 });
        data.attachments[0]!.stream();
      },
    });
    await harness.send(envelope(event));
    await watched.until('succeeded');
    await expect(left).rejects.toThrow('the message is done');
    expect(await watched.worker.stop()).toMatchObject({ succeeded: 1, inFlight: 0 });
    harness.stack.faults.clear();
  });

  it('deletes untouched a replay for another consumer, and handles its own', async () => {
    const handled: string[] = [];
    await using watched = harness.work({
      consumer: 'billing',
      handler: async ({ id }) => {
        handled.push(id);
      },
    });
    const [theirs, ours] = [uuidv7(), uuidv7()];
    const replay = { replayid: 'r1', replaycount: 1 };
    await harness.send(envelope(orderEvent(theirs, [], { ...replay, replayfor: 'shipping' })));
    await harness.send(envelope(orderEvent(ours, [], { ...replay, replayfor: 'billing' })));
    await watched.until('ignored', ({ eventId }) => eventId === theirs);
    await watched.until('succeeded');
    expect(handled).toEqual([ours]);
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });

  it('deletes an event of another type when told to ignore it', async () => {
    await using watched = harness.work({ onUnknownType: 'ignore' });
    await harness.send(envelope(orderEvent(uuidv7(), [], { type: 'order.shipped' })));
    await watched.until('ignored');
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });

  it('handles every other type under the key *', async () => {
    const types: string[] = [];
    const worker = createWorker({
      queueUrl: harness.stack.queueUrl('orders'),
      stores: harness.stores,
      sqs: harness.stack.clientOptions(),
      events: { ...events, '*': z.looseObject({}) },
      handler: async ({ type }) => {
        types.push(type);
        if (types.length === 2) void worker.stop();
      },
    });
    await harness.send(envelope(orderEvent(uuidv7(), [], { type: 'order.shipped' })));
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    expect(await worker.done).toMatchObject({ succeeded: 2 });
    expect(types.sort()).toEqual(['order.created', 'order.shipped']);
  });

  it('goes on after ReceiveMessage has failed', async () => {
    const remove = harness.stack.faults.add({
      match: { service: 'sqs', operation: 'ReceiveMessage' },
      times: 3,
      faults: { kind: 'status', status: 503 },
    });
    await using watched = harness.work({ random: () => 0 });
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    await watched.until('receive-failed');
    await watched.until('succeeded');
    remove();
    expect(watched.worker.stats.receiveErrors).toBe(1);
  });

  it('saves an event without a worker in the same way', async () => {
    const id = uuidv7();
    const first = await harness.attach(id, Buffer.from('one'), { id: 'a1', name: 'same.txt' });
    const second = await harness.attach(id, Buffer.from('two'), { id: 'a2', name: 'SAME.txt' });
    const event = parseEvent(orderEvent(id, [first, second]));
    const heard = new Set<string>();
    const options = {
      stores: harness.stores,
      onDownload: ({ id: attachmentId }: { id: string }) => heard.add(attachmentId),
    };
    const saved = await saveEvent(event, dir, options);
    expect(saved.map(({ relativePath }) => relativePath)).toEqual(['same.txt', 'SAME (2).txt']);
    expect([...heard].sort()).toEqual(['a1', 'a2']);
    await expect(saveEvent(event, dir, { ...options, maxAttachmentBytes: 2 })).rejects.toThrow(
      'the limit is 2 bytes',
    );
    await expect(saveEvent(event, dir, { ...options, maxAttachmentBytes: -1 })).rejects.toThrow(RangeError);
  });

  it('fails at the start when the queue does not exist', async () => {
    const watched = harness.work({ queueUrl: harness.stack.queueUrl('nobody') });
    await expect(watched.worker.done).rejects.toThrow(
      /queueUrl: got ".*nobody", expected the URL of a queue that exists/,
    );
    await watched.worker.stop().catch(() => undefined);
  });

  it('fetches the manifest and hands over its attachments', async () => {
    const id = uuidv7();
    const listed = await harness.attach(id, Buffer.from('listed'), { id: 'a1', name: 'listed.txt' });
    const { access: _access, ...lean } = listed;
    const content = Buffer.from(JSON.stringify({ waybillversion: 1, attachments: [lean] }));
    const manifest = await harness.attach(id, content, {
      id: 'manifest',
      name: 'manifest.json',
      mediaType: 'application/json',
    });
    const names: string[] = [];
    await using watched = harness.work({
      urlSource: {
        refetch: async ({ versionId, size, digest }) => ({
          access: parseEvent(orderEvent(id, [listed])).data.attachments[0]!.access!,
          versionId,
          size,
          digest,
        }),
      },
      handler: async (event, context) => {
        for (const file of await context.saveAll(dir)) names.push(await readFile(file.path, 'utf8'));
        expect(event.data.attachments).toHaveLength(1);
      },
    });
    const event = orderEvent(id, []);
    await harness.send(envelope({ ...event, data: { ...event.data, manifest } }));
    await watched.until('succeeded');
    expect(names).toEqual(['listed']);
    expect((await readdir(join(dir, id))).sort()).toEqual(['event.json', 'files', 'manifest.json']);
    expect((await stat(join(dir, id, 'manifest.json'))).mode & 0o777).toBe(0o600);
  });
});
