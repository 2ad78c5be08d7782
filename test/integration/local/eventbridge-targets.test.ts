import {
  EventBridgeClient,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  PutTargetsCommand,
  type Target,
} from '@aws-sdk/client-eventbridge';
import { ReceiveMessageCommand, SQSClient, type Message } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createManualClock, startLocal, type LocalStack } from '../../../local/index.ts';

describe('targets of EventBridge rules', () => {
  let stack: LocalStack;
  let events: EventBridgeClient;
  let sqs: SQSClient;
  const clock = createManualClock();

  beforeEach(async () => {
    stack = await startLocal({
      clock,
      queues: [{ name: 'orders' }, { name: 'dlq' }],
      rules: [{ name: 'orders', pattern: { source: ['shop'] }, queue: 'orders' }],
    });
    events = new EventBridgeClient({ ...stack.clientOptions(), maxAttempts: 1 });
    sqs = new SQSClient(stack.clientOptions());
  });
  afterEach(async () => {
    events.destroy();
    sqs.destroy();
    await stack.close();
  });

  /** Replaces the rule's one target. */
  const target = async (fields: Partial<Target>): Promise<void> => {
    const Targets = [{ Id: 'orders', Arn: stack.queueArn('orders'), ...fields }];
    await events.send(new PutTargetsCommand({ Rule: 'orders', Targets }));
  };
  const put = async (detail: object = { n: 1 }): Promise<void> => {
    const entry = { Source: 'shop', DetailType: 'order', Detail: JSON.stringify(detail) };
    const { FailedEntryCount } = await events.send(new PutEventsCommand({ Entries: [entry] }));
    expect(FailedEntryCount).toBe(0);
  };
  const receive = async (name: string): Promise<readonly Message[]> => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: stack.queueUrl(name),
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
      }),
    );
    return Messages;
  };
  const failDeliveries = (times: number, status = 503): void => {
    const match = { service: 'events', operation: 'DeliverToTarget' } as const;
    stack.faults.add({ match, times, faults: { kind: 'status', status } });
  };
  const attributesOf = (message: Message | undefined): Record<string, string | undefined> =>
    Object.fromEntries(
      Object.entries(message?.MessageAttributes ?? {}).map(([name, { StringValue }]) => [name, StringValue]),
    );
  /** Lets time pass until `until` holds. */
  const passTime = async (until: () => boolean): Promise<void> => {
    for (let step = 0; step < 20_000 && !until(); step += 1) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(until()).toBe(true);
  };

  it('get a constant, a part of the event, or a filled template instead of the event', async () => {
    await target({ Input: '{"always": "this"}' });
    await put();
    await target({ InputPath: '$.detail' });
    await put({ n: 2 });
    const InputPathsMap = { n: '$.detail.n' };
    await target({
      InputTransformer: { InputPathsMap, InputTemplate: '{"number": <n>, "text": "no. <n>"}' },
    });
    await put({ n: 3 });
    const bodies = (await receive('orders')).map(({ Body }) => Body);
    expect(bodies).toEqual(['{"always": "this"}', '{"n":2}', '{"number":3,"text":"no. 3"}']);
    const { Targets } = await events.send(new ListTargetsByRuleCommand({ Rule: 'orders' }));
    expect(Targets?.[0]?.InputTransformer?.InputPathsMap).toEqual(InputPathsMap);
  });

  it('send the event to the dead-letter queue if its template gives no JSON', async () => {
    await target({
      InputTransformer: { InputPathsMap: { t: '$.detail.t' }, InputTemplate: '{"t": "<t>"}' },
      DeadLetterConfig: { Arn: stack.queueArn('dlq') },
    });
    await put({ t: '"' });
    const [dead] = await receive('dlq');
    expect(JSON.parse(dead!.Body!).detail).toEqual({ t: '"' });
    expect(attributesOf(dead)).toMatchObject({ ERROR_CODE: 'INVALID_JSON', RETRY_ATTEMPTS: '0' });
  });

  it('are tried again when delivery fails for a while', async () => {
    failDeliveries(3);
    await put();
    expect(await receive('orders')).toEqual([]);
    await passTime(() => stack.spy.records('message').length > 0);
    expect(await receive('orders')).toHaveLength(1);
    expect(stack.faults.hits).toBe(3);
  });

  it('give up after the retries of their policy', async () => {
    await target({
      RetryPolicy: { MaximumRetryAttempts: 2 },
      DeadLetterConfig: { Arn: stack.queueArn('dlq') },
    });
    failDeliveries(100);
    await put();
    await passTime(() => stack.spy.records('message').length > 0);
    const [dead] = await receive('dlq');
    expect(attributesOf(dead)).toEqual({
      RULE_ARN: 'arn:aws:events:us-east-1:000000000000:rule/orders',
      TARGET_ARN: stack.queueArn('orders'),
      ERROR_CODE: 'ERROR_FROM_TARGET',
      ERROR_MESSAGE: 'A fault was injected.',
      RETRY_ATTEMPTS: '2',
      EXHAUSTED_RETRY_CONDITION: 'MaximumRetryAttempts',
    });
    expect(stack.faults.hits).toBe(3);
  });

  it('give up at the age of their policy', async () => {
    await target({
      RetryPolicy: { MaximumEventAgeInSeconds: 60 },
      DeadLetterConfig: { Arn: stack.queueArn('dlq') },
    });
    failDeliveries(1_000, 429);
    await put();
    const putAtMs = clock.nowMs();
    await passTime(() => stack.spy.records('message').length > 0);
    expect(clock.nowMs() - putAtMs).toBeGreaterThanOrEqual(60_000);
    expect(attributesOf((await receive('dlq'))[0])).toMatchObject({
      ERROR_CODE: 'THROTTLING',
      EXHAUSTED_RETRY_CONDITION: 'MaximumEventAgeInSeconds',
    });
  });

  it('are refused if their input, policy or dead-letter queue is malformed', async () => {
    const refused = { name: 'ValidationException' };
    await expect(target({ Input: '{' })).rejects.toMatchObject(refused);
    await expect(target({ InputPath: 'detail' })).rejects.toMatchObject(refused);
    await expect(target({ Input: '1', InputPath: '$' })).rejects.toThrow('Only one of');
    await expect(target({ InputTransformer: { InputTemplate: '<x>' } })).rejects.toThrow('InputPathsMap');
    await expect(target({ RetryPolicy: { MaximumRetryAttempts: 186 } })).rejects.toMatchObject(refused);
    await expect(target({ RetryPolicy: { MaximumEventAgeInSeconds: 59 } })).rejects.toMatchObject(refused);
    const Arn = `${stack.queueArn('dlq')}.fifo`;
    await expect(target({ DeadLetterConfig: { Arn } })).rejects.toMatchObject(refused);
  });
});
