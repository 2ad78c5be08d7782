import {
  CancelMessageMoveTaskCommand,
  ListDeadLetterSourceQueuesCommand,
  ListMessageMoveTasksCommand,
  ReceiveMessageCommand,
  SQSClient,
  SendMessageCommand,
  StartMessageMoveTaskCommand,
  type ListMessageMoveTasksResultEntry,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startLocal, type LocalStack } from '../../../local/index.ts';

describe('the redrive of dead-letter queues', () => {
  let stack: LocalStack;
  let sqs: SQSClient;

  beforeEach(async () => {
    const policy = { deadLetterQueue: 'dlq', maxReceiveCount: 1, visibilityTimeoutSeconds: 0 };
    stack = await startLocal({
      queues: [{ name: 'a', ...policy }, { name: 'b', ...policy }, { name: 'other' }],
    });
    sqs = new SQSClient({ ...stack.clientOptions(), maxAttempts: 1 });
  });
  afterEach(async () => {
    sqs.destroy();
    await stack.close();
  });

  const send = async (queue: string, MessageBody: string): Promise<void> => {
    await sqs.send(new SendMessageCommand({ QueueUrl: stack.queueUrl(queue), MessageBody }));
  };
  const receive = async (queue: string) => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: stack.queueUrl(queue),
        MaxNumberOfMessages: 10,
        MessageSystemAttributeNames: ['All'],
      }),
    );
    return Messages;
  };
  /** Sends messages, and receives them until the redrive policy moves them. */
  const bury = async (queue: string, bodies: readonly string[]): Promise<void> => {
    for (const body of bodies) await send(queue, body);
    await receive(queue);
    expect(await receive(queue)).toEqual([]);
  };
  const SourceArn = (): string => stack.queueArn('dlq');
  const start = async (options: { DestinationArn?: string; MaxNumberOfMessagesPerSecond?: number } = {}) =>
    await sqs.send(new StartMessageMoveTaskCommand({ SourceArn: SourceArn(), ...options }));
  const ended = async (): Promise<ListMessageMoveTasksResultEntry> => {
    for (let look = 0; look < 500; look += 1) {
      const { Results } = await sqs.send(new ListMessageMoveTasksCommand({ SourceArn: SourceArn() }));
      if (Results?.[0]?.Status !== 'RUNNING' && Results?.[0]?.Status !== 'CANCELLING') return Results![0]!;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('the task does not end');
  };

  it('moves each message to the queue it came from, as a new message', async () => {
    await bury('a', ['1', '2']);
    await bury('b', ['3']);
    const before = new Date().getTime();
    await start();
    const task = await ended();
    expect(task).toMatchObject({
      Status: 'COMPLETED',
      SourceArn: SourceArn(),
      ApproximateNumberOfMessagesMoved: 3,
      ApproximateNumberOfMessagesToMove: 3,
    });
    expect(task.TaskHandle).toBeUndefined();
    const [fromA, fromB] = [await receive('a'), await receive('b')];
    expect(fromA.map(({ Body }) => Body)).toEqual(['1', '2']);
    expect(fromB.map(({ Body }) => Body)).toEqual(['3']);
    expect(fromB[0]?.Attributes?.['ApproximateReceiveCount']).toBe('1');
    expect(fromB[0]?.Attributes?.['DeadLetterQueueSourceArn']).toBeUndefined();
    expect(Number(fromB[0]?.Attributes?.['SentTimestamp'])).toBeGreaterThanOrEqual(before);
  });

  it('fails at a message that was sent to the dead-letter queue, and leaves it there', async () => {
    await send('dlq', 'direct');
    await start();
    expect(await ended()).toMatchObject({
      Status: 'FAILED',
      FailureReason: 'CouldNotDetermineMessageSource',
      ApproximateNumberOfMessagesMoved: 0,
    });
    await start({ DestinationArn: stack.queueArn('other') });
    expect(await ended()).toMatchObject({ Status: 'COMPLETED', DestinationArn: stack.queueArn('other') });
    expect((await receive('other')).map(({ Body }) => Body)).toEqual(['direct']);
  });

  it('has one active task for a source, which can be cancelled', async () => {
    await bury('a', ['1', '2', '3']);
    const { TaskHandle } = await start({ MaxNumberOfMessagesPerSecond: 1 });
    await expect(start()).rejects.toMatchObject({ name: 'InvalidParameterValue' });
    const { Results } = await sqs.send(new ListMessageMoveTasksCommand({ SourceArn: SourceArn() }));
    expect(Results).toMatchObject([{ Status: 'RUNNING', TaskHandle, MaxNumberOfMessagesPerSecond: 1 }]);
    const cancelled = await sqs.send(new CancelMessageMoveTaskCommand({ TaskHandle }));
    expect(cancelled.ApproximateNumberOfMessagesMoved).toBe(1);
    expect(await ended()).toMatchObject({ Status: 'CANCELLED', ApproximateNumberOfMessagesMoved: 1 });
    await expect(sqs.send(new CancelMessageMoveTaskCommand({ TaskHandle }))).rejects.toThrow('active');
  });

  it('refuses a source that is nobody’s dead-letter queue, strange destinations and rates', async () => {
    await stack.putQueue({ name: 'fifo.fifo' });
    const from = new StartMessageMoveTaskCommand({ SourceArn: stack.queueArn('other') });
    await expect(sqs.send(from)).rejects.toThrow('must be configured as a Dead Letter Queue');
    await expect(start({ DestinationArn: SourceArn() })).rejects.toThrow('cannot be the same');
    await expect(start({ DestinationArn: stack.queueArn('fifo.fifo') })).rejects.toThrow('same queue type');
    await expect(start({ DestinationArn: stack.queueArn('nowhere') })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    for (const MaxNumberOfMessagesPerSecond of [0, 501])
      await expect(start({ MaxNumberOfMessagesPerSecond })).rejects.toThrow('between 1 and 500');
    const unknown = new CancelMessageMoveTaskCommand({ TaskHandle: 'x' });
    await expect(sqs.send(unknown)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('lists the queues that a dead-letter queue serves, a page at a time', async () => {
    const list = async (NextToken?: string) =>
      await sqs.send(
        new ListDeadLetterSourceQueuesCommand({
          QueueUrl: stack.queueUrl('dlq'),
          MaxResults: 1,
          ...(NextToken === undefined ? {} : { NextToken }),
        }),
      );
    const first = await list();
    const second = await list(first.NextToken);
    expect([first.queueUrls, second.queueUrls]).toEqual([[stack.queueUrl('a')], [stack.queueUrl('b')]]);
    expect(second.NextToken).toBeUndefined();
  });
});
