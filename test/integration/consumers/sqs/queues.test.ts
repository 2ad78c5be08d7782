import { getEventListeners } from 'node:events';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLeanQueue } from '../../../../consumers/sqs/lean-queue.ts';
import {
  createQueue,
  isLeaseLost,
  isQueueMissing,
  type Queue,
  type QueueMessage,
} from '../../../../consumers/worker/queue.ts';
import { startLocal, type LocalStack } from '../../../../local/index.ts';
import { systemClock } from '../../../../shared/clock.ts';

/** Both clients of SQS that a worker has, held to the same words. */
let stack: LocalStack;
let sender: SQSClient;
const clients: SQSClient[] = [];
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  stack = await startLocal({ queues: [{ name: 'q', deadLetterQueue: 'dlq' }] });
  sender = new SQSClient(stack.clientOptions());
});
afterAll(async () => {
  for (const close of closers) await close();
  for (const client of [sender, ...clients]) client.destroy();
  await stack.close();
});

const signal = new AbortController().signal;
const now = { maxMessages: 10, waitSeconds: 0, visibilityTimeoutSeconds: 30 };

async function open(kind: 'SDK' | 'lean', url: string, options: object = {}): Promise<Queue> {
  const client = new SQSClient({ ...stack.clientOptions(), ...options });
  clients.push(client);
  if (kind === 'SDK') return createQueue(client, url);
  const lean = createLeanQueue(client, url, { clock: systemClock, random: () => 0 });
  closers.push(async () => await lean.close());
  await lean.describe(signal).catch(() => undefined); // teaches it the address; refused calls do too
  return lean;
}

async function send(body: string, binary = Buffer.from([0, 255])): Promise<void> {
  const MessageAttributes = {
    note: { DataType: 'String', StringValue: 'ä "q"' },
    raw: { DataType: 'Binary', BinaryValue: binary },
  };
  await sender.send(
    new SendMessageCommand({ QueueUrl: stack.queueUrl('q'), MessageBody: body, MessageAttributes }),
  );
}

describe.each(['SDK', 'lean'] as const)('the %s client', (kind) => {
  let queue: Queue;
  beforeEach(async () => {
    queue = await open(kind, stack.queueUrl('q'));
  });
  const receiveOne = async (): Promise<QueueMessage> =>
    (await queue.receive({ ...now, waitSeconds: 5 }, signal))[0]!;

  it('receives bodies, counts and attributes, and deletes', async () => {
    await send('{"text":"ünïcode \\u2028 🚚"}');
    const message = await receiveOne();
    expect(message).toMatchObject({
      body: '{"text":"ünïcode \\u2028 🚚"}',
      receiveCount: 1,
      attributes: { note: { DataType: 'String', StringValue: 'ä "q"' }, raw: { DataType: 'Binary' } },
    });
    expect(message.messageId).not.toBe('');
    expect(Buffer.from(message.attributes['raw']!.BinaryValue!)).toEqual(Buffer.from([0, 255]));
    expect(await queue.deleteBatch([message.receiptHandle], signal)).toEqual([undefined]);
    expect(await queue.receive(now, signal)).toEqual([]);
  });

  it('makes a message visible again, which is then received a second time', async () => {
    await send('again');
    const { receiptHandle } = await receiveOne();
    expect(await queue.changeVisibilityBatch([{ receiptHandle, seconds: 0 }], signal)).toEqual([undefined]);
    const second = await receiveOne();
    expect(second.receiveCount).toBe(2);
    expect(await queue.deleteBatch([second.receiptHandle], signal)).toEqual([undefined]);
  });

  it('says in its place which entry of a batch SQS did not take, and why', async () => {
    await send('one');
    const { receiptHandle } = await receiveOne();
    const changes = [
      { receiptHandle, seconds: 20 },
      { receiptHandle: 'no such handle', seconds: 20 },
    ];
    const [good, bad] = await queue.changeVisibilityBatch(changes, signal);
    expect(good).toBeUndefined();
    expect(isLeaseLost(bad)).toBe(true);
    await queue.deleteBatch([receiptHandle], signal);
  });

  it('knows a queue that is not there', async () => {
    const missing = await open(kind, `${stack.queueUrl('q')}-nowhere`);
    const failure: unknown = await missing.receive(now, signal).catch((error: unknown) => error);
    expect(isQueueMissing(failure)).toBe(true);
  });

  it('names a refusal and its status', async () => {
    const credentials = { accessKeyId: 'AKIDNOBODY', secretAccessKey: 'x' };
    const stranger = await open(kind, stack.queueUrl('q'), { credentials });
    const failure: unknown = await stranger.receive(now, signal).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      name: 'UnrecognizedClientException',
      $metadata: { httpStatusCode: 403 },
    });
  });

  it('ends a long poll with the reason of its signal, and leaves no listener', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const polling = queue.receive({ ...now, waitSeconds: 20 }, controller.signal);
    setImmediate(() => controller.abort(reason));
    await expect(polling).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    await expect(queue.receive(now, controller.signal)).rejects.toBe(reason);
  });
});
