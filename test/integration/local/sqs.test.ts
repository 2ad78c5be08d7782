import { request } from 'node:http';

import {
  AddPermissionCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  SQSClient,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startLocal, type LocalStack } from '../../../local/index.ts';

describe('SQS of the local stack', () => {
  let stack: LocalStack;
  let sqs: SQSClient;
  let QueueUrl: string;

  beforeEach(async () => {
    stack = await startLocal({ queues: [{ name: 'work', deadLetterQueue: 'work-dlq', maxReceiveCount: 1 }] });
    sqs = new SQSClient(stack.clientOptions());
    QueueUrl = stack.queueUrl('work');
  });
  afterEach(async () => {
    sqs.destroy();
    await stack.close();
  });

  it('names queues by its own endpoint', async () => {
    const { QueueUrl: url } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'work' }));
    const { QueueUrls } = await sqs.send(new ListQueuesCommand({}));
    expect(url).toBe(`${stack.endpoint}/000000000000/work`);
    expect(QueueUrls).toContain(url);
    const created = await sqs.send(new CreateQueueCommand({ QueueName: 'other' }));
    expect(created.QueueUrl).toBe(stack.queueUrl('other'));
  });

  it('takes a client that uses the queue URL as its endpoint', async () => {
    const { region, credentials } = stack.clientOptions();
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const direct = new SQSClient({ region, credentials, logger, useQueueUrlAsEndpoint: true });
    await direct.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello' }));
    direct.destroy();
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    expect(Messages?.[0]?.Body).toBe('hello');
  });

  it('carries a message of 1 MiB and refuses a larger one', async () => {
    const full = 'x'.repeat(1_048_576);
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: full }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    expect(Messages?.[0]?.Body?.length).toBe(1_048_576);
    await expect(
      sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: `${full}x` })),
    ).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      $metadata: { httpStatusCode: 400 },
    });
  });

  it('carries a batch of ten that fills 1 MiB, and refuses eleven', async () => {
    const entries = Array.from({ length: 11 }, (_, index) => ({
      Id: `m${index}`,
      MessageBody: 'y'.repeat(100_000),
    }));
    const { Successful } = await sqs.send(
      new SendMessageBatchCommand({ QueueUrl, Entries: entries.slice(0, 10) }),
    );
    expect(Successful).toHaveLength(10);
    await expect(sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: entries }))).rejects.toMatchObject(
      {
        name: 'TooManyEntriesInBatchRequest',
      },
    );
  });

  it('keeps characters above U+FFFF and private use characters, with digests that clients accept', async () => {
    const bodies = ['naïve 📦.pdf', '\uF8FE mark', '📦\uE000\uE7FF\uF8FF', 'plain'];
    for (const MessageBody of bodies) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    const Entries = [{ Id: 'a', MessageBody: '🚚' }];
    await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    expect(Messages?.map(({ Body }) => Body)).toEqual([...bodies, '🚚']);
  });

  it('wakes a long poll when a message comes', async () => {
    const polled = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'now' }));
    expect((await polled).Messages?.[0]?.Body).toBe('now');
  });

  it('gives a message to a receiver that is there, not to a long poll whose client has left', async () => {
    const gone = new AbortController();
    const abandoned = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), {
      abortSignal: gone.signal,
    });
    await sqs.send(new ListQueuesCommand({})); // the poll's request has been sent by now
    gone.abort();
    await expect(abandoned).rejects.toMatchObject({ name: 'AbortError' });
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'kept' }));
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5, MessageSystemAttributeNames: ['All'] }),
    );
    expect(Messages?.[0]?.Body).toBe('kept');
  });

  it('moves a message to the dead-letter queue after its receives', async () => {
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'poison' }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    const { ReceiptHandle } = Messages![0]!;
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    const dead = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: stack.queueUrl('work-dlq'), WaitTimeSeconds: 5 }),
    );
    expect(dead.Messages?.[0]?.Body).toBe('poison');
  });

  it('tells the spy what was sent, received and deleted', async () => {
    const { MessageId } = await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'seen' }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages![0]!.ReceiptHandle! }));
    const deleted = await stack.spy.waitFor((record) => record.kind === 'delete');
    expect(deleted).toMatchObject({ queue: 'work', messageId: MessageId });
    expect(stack.spy.records('message')[0]?.body()).toBe('seen');
    expect(JSON.stringify(stack.spy.records())).not.toContain('seen');
  });

  it('refuses what it does not do, with 501', async () => {
    const permission = { Label: 'x', AWSAccountIds: ['111122223333'], Actions: ['SendMessage'] };
    const command = new AddPermissionCommand({ QueueUrl, ...permission });
    const once = new SQSClient({ ...stack.clientOptions(), maxAttempts: 1 });
    await expect(once.send(command)).rejects.toMatchObject({ $metadata: { httpStatusCode: 501 } });
    once.destroy();
  });

  it('refuses a dead-letter queue that does not exist, and a name with a slash', async () => {
    const RedrivePolicy = JSON.stringify({
      deadLetterTargetArn: stack.queueArn('nowhere'),
      maxReceiveCount: 3,
    });
    await expect(
      sqs.send(new CreateQueueCommand({ QueueName: 'q', Attributes: { RedrivePolicy } })),
    ).rejects.toThrow('Dead letter target does not exist');
    await expect(sqs.send(new CreateQueueCommand({ QueueName: 'a/b' }))).rejects.toThrow('alphanumeric');
  });

  it('fails a request with a wrong signature, an unknown key or none, and does nothing', async () => {
    const { credentials, ...options } = stack.clientOptions();
    const send = new SendMessageCommand({ QueueUrl, MessageBody: 'forged' });
    const forger = new SQSClient({ ...options, credentials: { ...credentials, secretAccessKey: 'wrong' } });
    await expect(forger.send(send)).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    forger.destroy();
    const stranger = new SQSClient({ ...options, credentials: { ...credentials, accessKeyId: 'NOBODY' } });
    await expect(stranger.send(send)).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    stranger.destroy();
    expect(await unsigned(stack.endpoint)).toBe(403);
    await stack.spy.expectNone((record) => record.kind === 'message');
  });

  it('ends a long poll with an empty answer on close', async () => {
    const polled = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    await sqs.send(new ListQueuesCommand({}));
    await stack.close();
    expect((await polled).Messages ?? []).toEqual([]);
  });

  it('answers a status fault in its own shape, and applies before dropping an answer', async () => {
    const once = new SQSClient({ ...stack.clientOptions(), maxAttempts: 1 });
    const send = new SendMessageCommand({ QueueUrl, MessageBody: 'fault' });
    stack.faults.add({
      match: { service: 'sqs', operation: 'SendMessage' },
      faults: { kind: 'status', status: 503, code: 'ServiceUnavailable' },
    });
    await expect(once.send(send)).rejects.toMatchObject({
      name: 'ServiceUnavailable',
      $metadata: { httpStatusCode: 503 },
    });
    await stack.spy.expectNone((record) => record.kind === 'message');
    stack.faults.add({ match: { operation: 'SendMessage' }, faults: { kind: 'drop-response' } });
    await expect(once.send(send)).rejects.toMatchObject({ $metadata: { attempts: 1 } });
    once.destroy();
    expect(stack.spy.records('message')).toHaveLength(1);
    expect(stack.faults.hits).toBe(2);
  });
});

async function unsigned(endpoint: string): Promise<number | undefined> {
  return await new Promise((resolve, reject) => {
    const headers = { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' };
    const call = request(endpoint, { method: 'POST', headers, agent: false }, (res) => {
      res.resume();
      res.once('end', () => resolve(res.statusCode));
    });
    call.once('error', reject);
    call.end('{}');
  });
}
