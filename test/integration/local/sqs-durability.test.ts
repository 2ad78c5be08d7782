import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ListQueueTagsCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SQSClient,
  SendMessageBatchCommand,
  SendMessageCommand,
  TagQueueCommand,
  type Message,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startLocal, type LocalStack } from '../../../local/index.ts';

describe('queues of a stack with a directory', () => {
  let dir: string;
  let stack: LocalStack;
  let sqs: SQSClient;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-sqs-'));
    await open();
  });
  afterEach(async () => {
    sqs.destroy();
    await stack.close();
    await rm(dir, { recursive: true, force: true });
  });

  const open = async (): Promise<void> => {
    stack = await startLocal({ dir });
    sqs = new SQSClient(stack.clientOptions());
  };
  const reopen = async (): Promise<void> => {
    sqs.destroy();
    await stack.close();
    await open();
  };
  const urlOf = (name: string): string => stack.queueUrl(name);
  const receiveAll = async (name: string): Promise<Message[]> => {
    const all: Message[] = [];
    for (let round = 0; round < 1_000; round += 1) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: urlOf(name),
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) return all;
      all.push(...Messages);
    }
    throw new Error('the queue does not run empty');
  };

  it('keep messages, attributes and tags over a restart, and what was deleted stays deleted', async () => {
    await stack.putQueue({ name: 'work', visibilityTimeoutSeconds: 77 });
    const QueueUrl = urlOf('work');
    await sqs.send(new TagQueueCommand({ QueueUrl, Tags: { team: 'a' } }));
    const MessageAttributes = { colour: { DataType: 'String', StringValue: 'blue' } };
    const bodies = ['one 📦', 'two', 'three'];
    for (const MessageBody of bodies)
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageAttributes }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages![0]!.ReceiptHandle! }));
    await reopen();
    const after = { QueueUrl: urlOf('work') };
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ ...after, AttributeNames: ['VisibilityTimeout'] }),
    );
    expect(Attributes).toEqual({ VisibilityTimeout: '77' });
    expect((await sqs.send(new ListQueueTagsCommand(after))).Tags).toEqual({ team: 'a' });
    const left = await receiveAll('work');
    expect(left.map(({ Body }) => Body)).toEqual(bodies.slice(1));
    expect(left[0]?.MessageAttributes?.['colour']?.StringValue).toBe('blue');
  });

  it('make visible again what was in flight, and remember how often it was received', async () => {
    await stack.putQueue({ name: 'work' });
    const { MessageId } = await sqs.send(
      new SendMessageCommand({ QueueUrl: urlOf('work'), MessageBody: 'held' }),
    );
    const [held] = await receiveAll('work');
    await reopen();
    const [again] = await receiveAll('work');
    expect(again).toMatchObject({ MessageId, Body: 'held', Attributes: { ApproximateReceiveCount: '2' } });
    expect(again?.Attributes?.['SentTimestamp']).toBe(held?.Attributes?.['SentTimestamp']);
  });

  it('keep a message in exactly one queue when it has moved to the dead-letter queue', async () => {
    const redriven = {
      name: 'work',
      deadLetterQueue: 'dlq',
      maxReceiveCount: 1,
      visibilityTimeoutSeconds: 0,
    };
    await stack.putQueue(redriven);
    await sqs.send(new SendMessageCommand({ QueueUrl: urlOf('work'), MessageBody: 'poison' }));
    for (let receives = 0; receives < 2; receives += 1)
      await sqs.send(new ReceiveMessageCommand({ QueueUrl: urlOf('work') }));
    await reopen();
    expect(await receiveAll('work')).toEqual([]);
    const [dead] = await receiveAll('dlq');
    expect(dead).toMatchObject({
      Body: 'poison',
      Attributes: { DeadLetterQueueSourceArn: stack.queueArn('work') },
    });
  });

  it('forget what was purged, and queues that were deleted', async () => {
    for (const name of ['kept', 'gone']) {
      await stack.putQueue({ name });
      await sqs.send(new SendMessageCommand({ QueueUrl: urlOf(name), MessageBody: name }));
    }
    await sqs.send(new PurgeQueueCommand({ QueueUrl: urlOf('kept') }));
    await sqs.send(new DeleteQueueCommand({ QueueUrl: urlOf('gone') }));
    await reopen();
    expect((await sqs.send(new ListQueuesCommand({}))).QueueUrls).toEqual([urlOf('kept')]);
    expect(await receiveAll('kept')).toEqual([]);
  });

  it('keep the order, the sequence and the deduplication of a FIFO queue', async () => {
    await stack.putQueue({ name: 'work.fifo' });
    const send = async (MessageBody: string): Promise<string | undefined> => {
      const message = { MessageBody, MessageGroupId: 'g', MessageDeduplicationId: MessageBody };
      const sent = await sqs.send(new SendMessageCommand({ QueueUrl: urlOf('work.fifo'), ...message }));
      return sent.SequenceNumber;
    };
    await send('a');
    const second = await send('b');
    await receiveAll('work.fifo'); // holds the group
    await reopen();
    expect(await send('b')).toBe(second);
    const third = await send('c');
    expect(Number(third)).toBeGreaterThan(Number(second));
    const received: (string | undefined)[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const [message] = await receiveAll('work.fifo');
      received.push(message?.Body);
      const handle = { QueueUrl: urlOf('work.fifo'), ReceiptHandle: message!.ReceiptHandle! };
      await sqs.send(new DeleteMessageCommand(handle));
    }
    expect(received).toEqual(['a', 'b', 'c']);
  });

  it('cut off the torn tail that a crash left in the journal', async () => {
    await stack.putQueue({ name: 'work' });
    await sqs.send(new SendMessageCommand({ QueueUrl: urlOf('work'), MessageBody: 'whole' }));
    await stack.close();
    await appendFile(join(dir, 'sqs', 'journal'), '0badcafe ["put","work",{"messageId":"torn"');
    await reopen();
    expect((await receiveAll('work')).map(({ Body }) => Body)).toEqual(['whole']);
    await sqs.send(new SendMessageCommand({ QueueUrl: urlOf('work'), MessageBody: 'later' }));
    await reopen();
    expect(new Set((await receiveAll('work')).map(({ Body }) => Body))).toEqual(new Set(['whole', 'later']));
  });

  it('compact the journal when most of it is dead', async () => {
    await stack.putQueue({ name: 'work' });
    const MessageBody = 'x'.repeat(1_000_000);
    const QueueUrl = urlOf('work');
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'survivor' }));
    for (let round = 0; round < 12; round += 1) {
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
      for (const { Body, ReceiptHandle } of await receiveAll('work'))
        if (Body !== 'survivor')
          await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: ReceiptHandle! }));
    }
    expect((await stat(join(dir, 'sqs', 'journal'))).size).toBeLessThan(7_000_000);
    await reopen();
    expect((await receiveAll('work')).map(({ Body }) => Body)).toEqual(['survivor']);
  });

  it('lose nothing that was acknowledged when the process is killed amid sends and deletes', async () => {
    await stack.close();
    const child = fork(new URL('sqs-child.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
    const [sent, deleted] = [new Set<string>(), new Set<string>()];
    const attempted = new Set<string>();
    try {
      child.send(dir);
      const [{ endpoint }] = (await once(child, 'message')) as [{ endpoint: string }];
      const credentials = { accessKeyId: 'CHILD', secretAccessKey: 'child' };
      const remote = new SQSClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
      const QueueUrl = `${endpoint}/000000000000/work`;
      const work = async (worker: number): Promise<void> => {
        for (let round = 0; round < 10_000; round += 1) {
          const bodies = Array.from({ length: 10 }, (_, index) => `${worker}-${round}-${index}`);
          const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
          await remote.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
          for (const body of bodies) sent.add(body);
          const { Messages } = await remote.send(new ReceiveMessageCommand({ QueueUrl }));
          const [message] = Messages ?? [];
          if (message === undefined) continue;
          attempted.add(message.Body!);
          await remote.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle! }));
          deleted.add(message.Body!);
          if (sent.size > 1_000) child.kill('SIGKILL');
        }
      };
      const ends = await Promise.allSettled([1, 2, 3, 4].map((worker) => work(worker)));
      expect(ends.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'));
      remote.destroy();
    } finally {
      child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    await open();
    const present = (await receiveAll('work')).map(({ Body }) => Body!);
    expect(new Set(present).size).toBe(present.length);
    const there = new Set(present);
    // A delete under way when the process died may have been done or not
    expect([...sent].filter((body) => !there.has(body) && !attempted.has(body))).toEqual([]);
    expect([...deleted].filter((body) => there.has(body))).toEqual([]);
    expect(deleted.size).toBeGreaterThan(50);
  });
});
