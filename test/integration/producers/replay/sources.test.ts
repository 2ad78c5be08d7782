import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDeadLetterQueue,
  eventsFromDeadLetters,
  eventsFromFile,
  replayArchive,
} from '../../../../producers/index.ts';
import { serialiseForKeeping, type WaybillEvent } from '../../../../shared/events/index.ts';
import { asAttributes, rejected } from '../dlq/world.ts';
import { eventOf, startReplayWorld, type ReplayWorld } from './world.ts';

let world: ReplayWorld;
let dir: string;
beforeEach(async () => {
  world = await startReplayWorld();
  dir = await mkdtemp(join(tmpdir(), 'waybill-replay-'));
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const file = async (text: string): Promise<string> => {
  const path = join(dir, 'events');
  await writeFile(path, text);
  return path;
};
const wire = (event: WaybillEvent): string => JSON.stringify(JSON.parse(serialiseForKeeping(event)));
const idsOf = (consumer: string): string[] => world.got(consumer).map(({ id }) => id);

describe('a file', () => {
  const [one, two, three] = [eventOf(), eventOf(), eventOf()];
  const envelope = { source: two.source, 'detail-type': two.type, detail: JSON.parse(wire(two)) as object };

  it.each([
    ['NDJSON of events and envelopes', `${wire(one)}\n\n${JSON.stringify(envelope)}\n${wire(three)}\n`],
    ['an array', `[${wire(one)},\n${JSON.stringify(envelope)},${wire(three)}]`],
  ])('is %s', async (_, text) => {
    const report = await world.replay({ source: eventsFromFile(await file(text)) });
    expect(report).toMatchObject({ read: 3, published: 3 });
    expect(idsOf('billing').sort()).toEqual([one.id, two.id, three.id].sort());
  });

  it('is an event.json as a consumer keeps it', async () => {
    await world.replay({ source: eventsFromFile(await file(serialiseForKeeping(one))) });
    expect(idsOf('billing')).toEqual([one.id]);
  });

  it('is resumed at the line where it was', async () => {
    const events = Array.from({ length: 130 }, () => eventOf());
    const source = eventsFromFile(await file(events.map((event) => wire(event)).join('\n')));
    const stop = new AbortController();
    const onProgress = (): void => stop.abort(new Error('interrupted')); // after the first page
    await expect(world.replay({ source, replayId: 'f', signal: stop.signal, onProgress })).rejects.toThrow(
      'interrupted',
    );
    expect(idsOf('billing')).toHaveLength(100);
    await world.replay({ source, replayId: 'f', resume: true });
    expect(idsOf('billing')).toHaveLength(130);
    expect(new Set(idsOf('billing'))).toEqual(new Set(events.map(({ id }) => id)));
  });

  it('fails, naming line and field, on what is no event', async () => {
    const source = eventsFromFile(await file(`${wire(one)}\n{"specversion":"1.0"}\n`));
    await expect(world.replay({ source })).rejects.toThrow(/events line 2: id: got nothing/);
  });
});

describe('a dead-letter queue', () => {
  it('gives what fits the reason back to its consumer by the bus, and is emptied of that', async () => {
    const sqs = new SQSClient(world.stack.clientOptions());
    const queueUrl = world.stack.queueUrl('billing-dlq');
    const [mended, other] = [eventOf(), eventOf()];
    for (const [event, code] of [
      [mended, 'payload-gone'],
      [mended, 'payload-gone'],
      [other, 'event-parse'],
    ] as const) {
      const detail = JSON.parse(wire(event)) as object;
      const body = {
        version: '0',
        id: 'e',
        'detail-type': event.type,
        source: event.source,
        account: '0',
        time: event.time,
        region: 'r',
        resources: [],
        detail,
      };
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          MessageBody: JSON.stringify(body),
          MessageAttributes: asAttributes(rejected(code, 'x')),
        }),
      );
    }
    await using queue = createDeadLetterQueue({ queueUrl, sqs, pollWaitSeconds: 0 });
    const filter = { reasons: ['payload-gone'] };
    const report = await world.replay({
      source: eventsFromDeadLetters(queue, { remove: true, filter }),
      filter,
      consumer: 'billing',
    });
    expect(report).toMatchObject({ read: 2, published: 1, skipped: { duplicate: 1 } });
    expect(idsOf('billing')).toEqual([mended.id]);
    expect(idsOf('shipping')).toEqual([]);
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
    );
    expect(Attributes).toMatchObject({
      ApproximateNumberOfMessages: '1',
      ApproximateNumberOfMessagesNotVisible: '0',
    });
    sqs.destroy();
  });
});

describe('an archive', () => {
  it('is replayed by EventBridge to the rule that is named, and awaited', async () => {
    const eventBridge = new EventBridgeClient(world.stack.clientOptions());
    const event = eventOf();
    await eventBridge.send(
      new PutEventsCommand({
        Entries: [
          { EventBusName: 'waybill', Source: event.source, DetailType: event.type, Detail: wire(event) },
        ],
      }),
    );
    expect(idsOf('shipping')).toEqual([event.id]);
    const nowMs = world.clock.nowMs();
    const range = { from: new Date(nowMs - 3_600_000), to: new Date(nowMs + 60_000) };
    const states: string[] = [];
    const report = await replayArchive({
      eventBridge,
      archive: 'archive',
      replayName: 'again',
      rules: ['billing'],
      ...range,
      onProgress: ({ state }) => states.push(state),
    });
    expect(report).toMatchObject({ state: 'COMPLETED', replayName: 'again' });
    expect(states.at(-1)).toBe('COMPLETED');
    expect(idsOf('billing')).toEqual([event.id, event.id]);
    expect(idsOf('shipping')).toEqual([event.id]);
    await expect(
      replayArchive({ eventBridge, archive: 'archive', replayName: 'again', ...range }),
    ).rejects.toThrow(/already exists/);
    eventBridge.destroy();
  });
});
