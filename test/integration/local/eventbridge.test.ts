import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  CreateEventBusCommand,
  DeleteEventBusCommand,
  DeleteRuleCommand,
  DescribeEventBusCommand,
  DescribeRuleCommand,
  DisableRuleCommand,
  EnableRuleCommand,
  EventBridgeClient,
  ListConnectionsCommand,
  ListEventBusesCommand,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
  TestEventPatternCommand,
} from '@aws-sdk/client-eventbridge';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startLocal, type LocalStack } from '../../../local/index.ts';

const event = { Source: 'shop', DetailType: 'order.placed', Detail: '{"n":1}' };

describe('EventBridge of the local stack', () => {
  let stack: LocalStack;
  let events: EventBridgeClient;
  let sqs: SQSClient;

  beforeEach(async () => {
    stack = await startLocal({
      queues: [{ name: 'orders' }, { name: 'orders-dlq' }],
      buses: ['exchange'],
      rules: [{ bus: 'exchange', name: 'orders', pattern: { source: ['shop'] }, queue: 'orders' }],
    });
    events = new EventBridgeClient({ ...stack.clientOptions(), maxAttempts: 1 });
    sqs = new SQSClient(stack.clientOptions());
  });
  afterEach(async () => {
    events.destroy();
    sqs.destroy();
    await stack.close();
  });

  const receive = async (name = 'orders') => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: stack.queueUrl(name),
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
      }),
    );
    return Messages;
  };

  it('delivers an event to the queue of a matching rule, in the envelope of EventBridge', async () => {
    const Time = new Date('2026-03-04T05:06:07.890Z');
    const Resources = ['arn:aws:s3:::inbox/a.bin'];
    const { Entries, FailedEntryCount } = await events.send(
      new PutEventsCommand({ Entries: [{ ...event, EventBusName: 'exchange', Time, Resources }] }),
    );
    expect(FailedEntryCount).toBe(0);
    const [message] = await receive();
    expect(Object.keys(JSON.parse(message!.Body!))).toEqual([
      'version',
      'id',
      'detail-type',
      'source',
      'account',
      'time',
      'region',
      'resources',
      'detail',
    ]);
    expect(JSON.parse(message!.Body!)).toEqual({
      version: '0',
      id: Entries![0]!.EventId,
      'detail-type': 'order.placed',
      source: 'shop',
      account: '000000000000',
      time: '2026-03-04T05:06:07Z',
      region: 'us-east-1',
      resources: Resources,
      detail: { n: 1 },
    });
  });

  it('delivers nothing of another bus, of another source, or by a disabled rule', async () => {
    const EventBusName = 'exchange';
    await events.send(new PutEventsCommand({ Entries: [event, { ...event, EventBusName, Source: 'bank' }] }));
    await events.send(new DisableRuleCommand({ EventBusName, Name: 'orders' }));
    await events.send(new PutEventsCommand({ Entries: [{ ...event, EventBusName }] }));
    expect(await receive()).toEqual([]);
    await events.send(new EnableRuleCommand({ EventBusName, Name: 'orders' }));
    await events.send(new PutEventsCommand({ Entries: [{ ...event, EventBusName }] }));
    expect(await receive()).toHaveLength(1);
    expect(stack.spy.records('event').map(({ bus, source }) => `${bus}/${source}`)).toEqual([
      'default/shop',
      'exchange/bank',
      'exchange/shop',
      'exchange/shop',
    ]);
  });

  it('delivers to a bus that is named by its ARN', async () => {
    const { Arn } = await events.send(new DescribeEventBusCommand({ Name: 'exchange' }));
    expect(Arn).toBe('arn:aws:events:us-east-1:000000000000:event-bus/exchange');
    await events.send(new PutEventsCommand({ Entries: [{ ...event, EventBusName: Arn }] }));
    expect(await receive()).toHaveLength(1);
  });

  it('fails entries one by one, and takes the others', async () => {
    const good = { ...event, EventBusName: 'exchange' };
    const { Entries, FailedEntryCount } = await events.send(
      new PutEventsCommand({
        Entries: [
          { ...good, Source: undefined },
          { ...good, DetailType: undefined },
          { ...good, Detail: undefined },
          { ...good, Detail: '{"n":' },
          { ...good, Detail: '[1]' },
          { ...good, Source: 'aws.s3' },
          good,
        ],
      }),
    );
    expect(FailedEntryCount).toBe(6);
    expect(Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([
      'InvalidArgument',
      'InvalidArgument',
      'InvalidArgument',
      'MalformedDetail',
      'MalformedDetail',
      'NotAuthorizedForSourceException',
      undefined,
    ]);
    expect(Entries?.[0]?.ErrorMessage).toBe(
      'Parameter Source is not valid. Reason: Source is a required argument.',
    );
    expect(Entries?.[6]?.EventId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await receive()).toHaveLength(1);
  });

  it('reports success for a bus that does not exist, as AWS does, and delivers nothing', async () => {
    const result = await events.send(
      new PutEventsCommand({ Entries: [{ ...event, EventBusName: 'nowhere' }] }),
    );
    expect(result.FailedEntryCount).toBe(0);
    await stack.spy.expectNone((record) => record.kind === 'event');
  });

  it('fails eleven entries, and entries that are too large together', async () => {
    const Entries = Array.from({ length: 11 }, () => event);
    await expect(events.send(new PutEventsCommand({ Entries }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
    const Detail = JSON.stringify({ text: 'x'.repeat(600_000) });
    const large = [
      { ...event, Detail },
      { ...event, Detail },
    ];
    await expect(events.send(new PutEventsCommand({ Entries: large }))).rejects.toThrow('over the limit');
    await expect(events.send(new PutEventsCommand({ Entries: large.slice(1) }))).resolves.toMatchObject({
      FailedEntryCount: 0,
    });
  });

  it('keeps the order of the entries and of the calls', async () => {
    for (const start of [0, 5]) {
      const Entries = Array.from({ length: 5 }, (_, index) => ({
        ...event,
        EventBusName: 'exchange',
        Detail: JSON.stringify({ n: start + index }),
      }));
      await events.send(new PutEventsCommand({ Entries }));
    }
    const numbers = (await receive()).map(({ Body }) => JSON.parse(Body!).detail.n);
    expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('sends to the dead-letter queue of a target whose queue does not exist', async () => {
    const rule = { EventBusName: 'exchange', Rule: 'lost' };
    await events.send(new PutRuleCommand({ ...rule, Name: 'lost', EventPattern: '{"source":["lost"]}' }));
    const Arn = stack.queueArn('never-made');
    const DeadLetterConfig = { Arn: stack.queueArn('orders-dlq') };
    await events.send(new PutTargetsCommand({ ...rule, Targets: [{ Id: 't', Arn, DeadLetterConfig }] }));
    await events.send(
      new PutEventsCommand({ Entries: [{ ...event, Source: 'lost', EventBusName: 'exchange' }] }),
    );
    const [dead] = await receive('orders-dlq');
    expect(JSON.parse(dead!.Body!).source).toBe('lost');
    expect(dead!.MessageAttributes?.['TARGET_ARN']?.StringValue).toBe(Arn);
    expect(dead!.MessageAttributes?.['ERROR_CODE']?.StringValue).toBe('NO_RESOURCE');
    expect(dead!.MessageAttributes).not.toHaveProperty('EXHAUSTED_RETRY_CONDITION');
  });

  it('makes, lists, describes and removes buses, rules and targets', async () => {
    await events.send(new CreateEventBusCommand({ Name: 'b2', Description: 'second' }));
    await expect(events.send(new CreateEventBusCommand({ Name: 'b2' }))).rejects.toMatchObject({
      name: 'ResourceAlreadyExistsException',
    });
    const { EventBuses } = await events.send(new ListEventBusesCommand({}));
    expect(EventBuses?.map(({ Name }) => Name)).toEqual(['default', 'exchange', 'b2']);
    const EventBusName = 'b2';
    const EventPattern = '{"source":["x"]}';
    const made = await events.send(new PutRuleCommand({ EventBusName, Name: 'r', EventPattern }));
    expect(made.RuleArn).toBe('arn:aws:events:us-east-1:000000000000:rule/b2/r');
    const target = { Id: 't', Arn: stack.queueArn('orders') };
    await events.send(new PutTargetsCommand({ EventBusName, Rule: 'r', Targets: [target] }));
    const described = await events.send(new DescribeRuleCommand({ EventBusName, Name: 'r' }));
    expect(described).toMatchObject({ EventPattern, State: 'ENABLED', EventBusName });
    const listed = await events.send(new ListTargetsByRuleCommand({ EventBusName, Rule: 'r' }));
    expect(listed.Targets).toEqual([target]);
    await expect(events.send(new DeleteRuleCommand({ EventBusName, Name: 'r' }))).rejects.toThrow(
      'has targets',
    );
    const removed = await events.send(new RemoveTargetsCommand({ EventBusName, Rule: 'r', Ids: ['t', 'u'] }));
    expect(removed.FailedEntries?.map(({ TargetId }) => TargetId)).toEqual(['u']);
    await expect(events.send(new DeleteEventBusCommand({ Name: 'b2' }))).rejects.toThrow('rules');
    await events.send(new DeleteRuleCommand({ EventBusName, Name: 'r' }));
    expect((await events.send(new ListRulesCommand({ EventBusName }))).Rules).toEqual([]);
    await events.send(new DeleteEventBusCommand({ Name: 'b2' }));
    await expect(events.send(new DescribeEventBusCommand({ Name: 'b2' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  it('tests a pattern, and refuses one that is not valid', async () => {
    const Event = JSON.stringify({ source: 'shop', detail: { n: 3 } });
    const EventPattern = JSON.stringify({ detail: { n: [{ numeric: ['>', 2] }] } });
    expect((await events.send(new TestEventPatternCommand({ Event, EventPattern }))).Result).toBe(true);
    await expect(
      events.send(new PutRuleCommand({ Name: 'bad', EventPattern: '{"detail":{"n":[{"near":3}]}}' })),
    ).rejects.toMatchObject({
      name: 'InvalidEventPatternException',
      message: expect.stringMatching('detail.n'),
    });
  });

  it('refuses what it does not do, with 501', async () => {
    const rule = { EventBusName: 'exchange', Rule: 'orders' };
    const Arn = 'arn:aws:lambda:us-east-1:000000000000:function:f';
    const lambda = new PutTargetsCommand({ ...rule, Targets: [{ Id: 't', Arn }] });
    await events.send(new PutRuleCommand({ Name: 'cron', ScheduleExpression: 'rate(1 minute)' }));
    const target = { Id: 't', Arn: stack.queueArn('orders') };
    const scheduled = new PutTargetsCommand({ Rule: 'cron', Targets: [target] });
    const connection = new ListConnectionsCommand({});
    for (const command of [lambda, scheduled, connection])
      await expect(events.send(command as PutTargetsCommand)).rejects.toMatchObject({
        $metadata: { httpStatusCode: 501 },
      });
  });

  it('applies PutEvents before dropping its answer', async () => {
    stack.faults.add({ match: { operation: 'PutEvents' }, faults: { kind: 'drop-response' } });
    const call = new PutEventsCommand({ Entries: [{ ...event, EventBusName: 'exchange' }] });
    await expect(events.send(call)).rejects.not.toHaveProperty('$response');
    expect(await receive()).toHaveLength(1);
  });

  it('fails a request with a wrong signature', async () => {
    const { credentials, ...options } = stack.clientOptions();
    const secretAccessKey = `${credentials.secretAccessKey}x`;
    const forger = new EventBridgeClient({ ...options, credentials: { ...credentials, secretAccessKey } });
    await expect(forger.send(new PutEventsCommand({ Entries: [event] }))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      $metadata: { httpStatusCode: 403 },
    });
    forger.destroy();
  });

  it('throttles when told to, and the SDK tries again', async () => {
    stack.faults.add({
      match: { operation: 'PutEvents' },
      faults: { kind: 'status', status: 400, code: 'ThrottlingException', message: 'Rate exceeded' },
    });
    const patient = new EventBridgeClient(stack.clientOptions());
    const result = await patient.send(new PutEventsCommand({ Entries: [event] }));
    patient.destroy();
    expect(result.$metadata.attempts).toBe(2);
  });
});

describe('EventBridge of a local stack with a directory', () => {
  it('keeps buses, rules and targets over a restart', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'waybill-test-'));
    try {
      const queues = [{ name: 'orders' }];
      const rules = [{ bus: 'exchange', name: 'orders', pattern: { source: ['shop'] }, queue: 'orders' }];
      const first = await startLocal({ dir, queues, buses: ['exchange'], rules });
      await first.close();
      await using second = await startLocal({ dir, queues });
      const events = new EventBridgeClient(second.clientOptions());
      await events.send(new PutEventsCommand({ Entries: [{ ...event, EventBusName: 'exchange' }] }));
      events.destroy();
      const message = await second.spy.waitFor((record) => record.kind === 'message');
      expect(message).toMatchObject({ queue: 'orders' });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
