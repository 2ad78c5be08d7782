import { ChangeMessageVisibilityCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import {
  EventBridgeClient,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { envelopeOf, rejected, startDlqWorld, type DlqWorld } from './world.ts';

let world: DlqWorld;
beforeEach(async () => {
  world = await startDlqWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const receiveAll = async (queue: string) => {
  const { Messages = [] } = await world.sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: world.stack.queueUrl(queue),
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ['All'],
    }),
  );
  return Messages;
};

describe('list', () => {
  it('tells code, reason and event of each, and leaves every message visible', async () => {
    const id = uuidv7();
    await world.send('orders-dlq', envelopeOf({ id }), rejected('checksum-mismatch', 'the bytes differ'));
    await world.send('orders-dlq', 'no event at all', rejected('event-parse', 'got text'));
    await world.send('orders-dlq', 'put here by hand');
    const list = await world.open('orders-dlq').list();
    expect(list).toMatchObject({ seen: 3, truncated: false, approximateTotal: 3 });
    const byCode = new Map(list.messages.map((each) => [each.code, each]));
    expect(byCode.get('checksum-mismatch')).toMatchObject({
      kind: 'rejected',
      reason: 'the bytes differ',
      copies: 1,
    });
    expect(byCode.get('checksum-mismatch')?.event?.id).toBe(id);
    expect(byCode.get('event-parse')).toMatchObject({ kind: 'rejected', event: undefined });
    expect(byCode.get('unknown')).toMatchObject({ kind: 'unknown', reason: undefined });
    expect(await world.count('orders-dlq')).toEqual({ visible: 3, hidden: 0 });
  });

  it('sees more messages than one receive brings, each once', async () => {
    for (let index = 0; index < 35; index += 1) await world.send('orders-dlq', envelopeOf());
    const { messages, seen } = await world.open('orders-dlq').list();
    expect(seen).toBe(35);
    expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(35);
  });

  it('stops at maxMessages, and says so', async () => {
    for (let index = 0; index < 25; index += 1) await world.send('orders-dlq', envelopeOf());
    const list = await world.open('orders-dlq').list({ maxMessages: 10 });
    expect(list).toMatchObject({ seen: 10, truncated: true, approximateTotal: 25 });
    expect(await world.count('orders-dlq')).toEqual({ visible: 25, hidden: 0 });
  });

  it('shows one rejection that was sent twice as one, with its copies', async () => {
    const body = envelopeOf();
    const twice = rejected('object-changed', 'etag differs', 'm1');
    await world.send('orders-dlq', body, twice);
    await world.send('orders-dlq', body, twice);
    const { messages, seen } = await world.open('orders-dlq').list();
    expect(seen).toBe(2);
    expect(messages).toEqual([expect.objectContaining({ code: 'object-changed', copies: 2 })]);
  });

  it('calls what SQS itself moved exhausted, with the queue it came from', async () => {
    await world.send('orders', envelopeOf());
    for (let receive = 0; receive < 3; receive += 1) {
      for (const { ReceiptHandle } of await receiveAll('orders'))
        await world.sqs.send(
          new ChangeMessageVisibilityCommand({
            QueueUrl: world.stack.queueUrl('orders'),
            ReceiptHandle,
            VisibilityTimeout: 0,
          }),
        );
    }
    const { messages } = await world.open('orders-dlq').list();
    expect(messages).toEqual([
      expect.objectContaining({
        kind: 'exhausted',
        code: 'max-receives',
        originArn: world.stack.queueArn('orders'),
      }),
    ]);
  });

  it.each([
    ['a reason in part, whatever its case', { reasons: ['BYTES differ'] }, ['a']],
    ['a glob of codes', { reasons: ['checksum-*'] }, ['a']],
    ['a type', { types: ['order.*'] }, ['a', 'b']],
    ['the type that the rejection names, where the body is none', { reasons: ['event-parse'] }, ['c']],
    ['a subject', { subjects: ['b'] }, ['b']],
    [
      'an EventBridge pattern',
      { pattern: { detail: { data: { total: [{ numeric: ['>', 6] }] }, subject: ['a'] } } },
      ['a'],
    ],
    ['a pattern and a reason together', { pattern: { source: ['shop'] }, reasons: ['payload-gone'] }, ['b']],
  ])('filters by %s', async (_, filter, wanted) => {
    await world.send(
      'orders-dlq',
      envelopeOf({ subject: 'a' }),
      rejected('checksum-mismatch', 'the bytes differ'),
    );
    await world.send('orders-dlq', envelopeOf({ subject: 'b' }), rejected('payload-gone', 'HTTP 410'));
    await world.send('orders-dlq', 'c', rejected('event-parse', 'got text'));
    const { messages } = await world.open('orders-dlq').list({ filter });
    expect(messages.map((each) => each.event?.subject ?? each.body()).sort()).toEqual(wanted);
  });

  it('fails on a filter that cannot be, before any call', async () => {
    const queue = world.open('orders-dlq');
    await expect(queue.list({ filter: { pattern: { source: 'shop' } } })).rejects.toThrow(
      /Event pattern is not valid/,
    );
    await expect(queue.list({ filter: { types: [] } })).rejects.toThrow(/types: got an array, expected/);
    await expect(queue.list({ maxMessages: 0 })).rejects.toThrow(/maxMessages: got 0/);
    expect(world.stack.spy.records('receive')).toEqual([]);
  });
});

describe('redrive', () => {
  it('moves those that match to the queue of the redrive policy, without the reason, with their own attributes', async () => {
    const id = uuidv7();
    await world.send('orders-dlq', envelopeOf({ id }), {
      ...rejected('checksum-mismatch', 'x'),
      tenant: 'acme',
    });
    await world.send('orders-dlq', envelopeOf(), rejected('payload-gone', 'y'));
    const report = await world.open('orders-dlq').redrive({ filter: { reasons: ['checksum-mismatch'] } });
    expect(report).toMatchObject({
      via: 'own',
      moved: 1,
      duplicates: 0,
      left: 1,
      failed: [],
      truncated: false,
    });
    const [message, ...more] = await receiveAll('orders');
    expect(more).toEqual([]);
    expect(JSON.parse(message?.Body ?? '')).toMatchObject({ detail: { id } });
    expect(Object.keys(message?.MessageAttributes ?? {})).toEqual(['tenant']);
    expect(await world.count('orders-dlq')).toEqual({ visible: 1, hidden: 0 });
  });

  it('sends a rejection that lies there twice once, and deletes both', async () => {
    const twice = rejected('object-changed', 'x', 'm1');
    const body = envelopeOf();
    await world.send('orders-dlq', body, twice);
    await world.send('orders-dlq', body, twice);
    const report = await world.open('orders-dlq').redrive({ filter: { reasons: ['object-changed'] } });
    expect(report).toMatchObject({ moved: 1, duplicates: 1, left: 0 });
    expect(world.bodies('orders')).toEqual([body]);
    expect(await world.count('orders-dlq')).toEqual({ visible: 0, hidden: 0 });
  });

  it('lets SQS move everything where nothing is filtered, also what was sent there', async () => {
    for (let index = 0; index < 12; index += 1)
      await world.send('orders-dlq', envelopeOf(), rejected('payload-gone', 'y'));
    const progress: number[] = [];
    const report = await world
      .open('orders-dlq')
      .redrive({ onProgress: ({ moved }) => progress.push(moved) });
    expect(report).toMatchObject({ via: 'task', moved: 12 });
    expect(progress.at(-1)).toBe(12);
    expect(await world.count('orders')).toEqual({ visible: 12, hidden: 0 });
  });

  it('brings what EventBridge could not deliver to the queue it was for, and to no other', async () => {
    const events = new EventBridgeClient(world.stack.clientOptions());
    await events.send(
      new PutRuleCommand({ EventBusName: 'waybill', Name: 'gone', EventPattern: '{"source":["shop"]}' }),
    );
    await events.send(
      new PutTargetsCommand({
        EventBusName: 'waybill',
        Rule: 'gone',
        Targets: [
          {
            Id: 't',
            Arn: world.stack.queueArn('billing'),
            RetryPolicy: { MaximumRetryAttempts: 0 },
            DeadLetterConfig: { Arn: world.stack.queueArn('target-dlq') },
          },
        ],
      }),
    );
    world.stack.faults.add({
      match: { service: 'events', operation: 'DeliverToTarget' },
      faults: { kind: 'status', status: 403, code: 'AccessDenied' },
      times: 1,
    });
    const Detail = (JSON.parse(envelopeOf()) as { detail: object }).detail;
    await events.send(
      new PutEventsCommand({
        Entries: [
          {
            EventBusName: 'waybill',
            Source: 'shop',
            DetailType: 'order.created',
            Detail: JSON.stringify(Detail),
          },
        ],
      }),
    );
    await world.stack.spy.waitFor((record) => record.kind === 'message' && record.queue === 'target-dlq');
    const queue = world.open('target-dlq');
    const { messages } = await queue.list();
    expect(messages).toEqual([expect.objectContaining({ kind: 'undeliverable', code: 'NO_PERMISSIONS' })]);
    const report = await queue.redrive();
    expect(report).toMatchObject({
      via: 'own',
      moved: 1,
      destinations: { [world.stack.queueUrl('billing')]: 1 },
    });
    const [message] = await receiveAll('billing');
    expect(JSON.parse(message?.Body ?? '')).toMatchObject({ 'detail-type': 'order.created', detail: Detail });
    expect(message?.MessageAttributes).toBeUndefined();
    expect(world.bodies('orders')).toEqual([]);
    events.destroy();
  });

  it('fails, and moves nothing, where no destination is known', async () => {
    await world.send('target-dlq', envelopeOf());
    await expect(world.open('target-dlq').redrive()).rejects.toThrow(
      /no queue has it as its dead-letter queue/,
    );
    expect(await world.count('target-dlq')).toEqual({ visible: 1, hidden: 0 });
  });

  it('moves no more than the limit', async () => {
    for (let index = 0; index < 7; index += 1) await world.send('orders-dlq', envelopeOf());
    const report = await world
      .open('orders-dlq')
      .redrive({ limit: 3, destination: world.stack.queueArn('billing') });
    expect(report).toMatchObject({ via: 'own', moved: 3 });
    expect(await world.count('billing')).toMatchObject({ visible: 3 });
    expect(await world.count('orders-dlq')).toEqual({ visible: 4, hidden: 0 });
  });

  it('loses nothing when the destination refuses: what was not taken stays, and is named', async () => {
    await world.send('orders-dlq', envelopeOf(), rejected('a', 'x'));
    const destination = world.stack.queueUrl('nowhere');
    const redriven = world.open('orders-dlq').redrive({ filter: { reasons: ['a'] }, destination });
    await expect(redriven).rejects.toThrow(/queue does not exist/i);
    expect(await world.count('orders-dlq')).toEqual({ visible: 1, hidden: 0 });
  });

  it('loses nothing when it ends between sending and deleting: the message is in both queues', async () => {
    await world.send('orders-dlq', envelopeOf(), rejected('a', 'x'));
    const stop = new AbortController();
    const arrival = world.stack.spy
      .waitFor((record) => record.kind === 'message' && record.queue === 'orders')
      .then(() => stop.abort(new Error('killed')));
    const redriven = world.open('orders-dlq').redrive({ filter: { reasons: ['a'] }, signal: stop.signal });
    await expect(redriven).rejects.toThrow('killed');
    await arrival;
    expect(await world.count('orders')).toMatchObject({ visible: 1 });
    expect(await world.count('orders-dlq')).toEqual({ visible: 1, hidden: 0 });
  });
});

describe('purge', () => {
  it('deletes those that match, and counts', async () => {
    for (const code of ['a', 'a', 'b']) await world.send('orders-dlq', envelopeOf(), rejected(code, 'x'));
    const report = await world.open('orders-dlq').purge({ filter: { reasons: ['a'] } });
    expect(report).toMatchObject({ deleted: 2, left: 1, failed: [], truncated: false });
    expect(await world.count('orders-dlq')).toEqual({ visible: 1, hidden: 0 });
  });
});
