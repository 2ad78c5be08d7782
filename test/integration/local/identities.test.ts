import {
  EventBridgeClient,
  ListEventBusesCommand,
  PutEventsCommand,
  PutRuleCommand,
} from '@aws-sdk/client-eventbridge';
import { GetObjectCommand, PutBucketPolicyCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SQSClient,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocal, type LocalStack } from '../../../local/index.ts';

const allow = (Action: string | string[], Resource: string, Condition: object = {}) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action, Resource, Condition }],
});
const identity = (name: string, ...policies: object[]) => ({
  accessKeyId: `KEY${name.toUpperCase()}`,
  secretAccessKey: `secret-of-${name}`,
  name,
  policies,
});
const TLS = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Deny', Action: '*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
  ],
};

let stack: LocalStack;
beforeAll(async () => {
  const arn = 'arn:aws:iam::111122223333:user/partner';
  stack = await startLocal({
    queues: [{ name: 'orders' }, { name: 'other' }],
    buckets: ['inbox'],
    identities: [
      { accessKeyId: 'KEYOWNER', secretAccessKey: 'secret-of-owner', name: 'owner' },
      identity(
        'shop',
        TLS,
        allow('events:PutEvents', '*', {
          StringEquals: { 'events:source': 'shop' },
          StringLike: { 'events:detail-type': 'order.*' },
        }),
      ),
      identity(
        'consumer',
        allow(
          ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:SendMessage'],
          'arn:aws:sqs:*:000000000000:orders',
        ),
      ),
      { accessKeyId: 'KEYPARTNER', secretAccessKey: 'secret-of-partner', name: 'partner', arn },
    ],
  });
});
afterAll(async () => await stack.close());

const denied = (action: string, name: string) => ({
  name: 'AccessDeniedException',
  $metadata: { httpStatusCode: 403 },
  message: expect.stringMatching(
    new RegExp(
      `^User: arn:aws:iam::000000000000:user/${name} is not authorized to perform: ${action} on resource: arn:aws:\\S+ because no identity-based policy allows the ${action} action$`,
    ),
  ),
});
const client = <T>(
  make: new (options: ReturnType<LocalStack['clientOptions']> & { maxAttempts: number }) => T,
  who: string,
): T => new make({ ...stack.clientOptions(who), maxAttempts: 1 });

describe('EventBridge', () => {
  it('takes events of the sources and types that a policy names, all of a request or none', async () => {
    const events = client(EventBridgeClient, 'shop');
    const entry = (Source: string, DetailType: string) => ({ Source, DetailType, Detail: '{}' });
    const put = async (...Entries: object[]) => await events.send(new PutEventsCommand({ Entries }));
    expect((await put(entry('shop', 'order.placed'))).FailedEntryCount).toBe(0);
    for (const other of [entry('bank', 'order.placed'), entry('shop', 'stock')])
      await expect(put(entry('shop', 'order.placed'), other)).rejects.toMatchObject(
        denied('events:PutEvents', 'shop'),
      );
    await expect(events.send(new ListEventBusesCommand({}))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    const rule = new PutRuleCommand({ Name: 'r', EventPattern: '{"source":["x"]}' });
    await expect(events.send(rule)).rejects.toMatchObject(denied('events:PutRule', 'shop'));
    events.destroy();
  });
});

describe('SQS', () => {
  it('lets an identity use its queue, batches included, and no other', async () => {
    const sqs = client(SQSClient, 'consumer');
    const QueueUrl = stack.queueUrl('orders');
    const Entries = [{ Id: '1', MessageBody: 'hello' }];
    await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    const handles = Messages!.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: handles }));
    const other = new SendMessageCommand({ QueueUrl: stack.queueUrl('other'), MessageBody: 'x' });
    await expect(sqs.send(other)).rejects.toMatchObject(denied('sqs:SendMessage', 'consumer'));
    sqs.destroy();
  });

  it('has no word for other accounts', async () => {
    const sqs = client(SQSClient, 'partner');
    const send = sqs.send(new SendMessageCommand({ QueueUrl: stack.queueUrl('orders'), MessageBody: 'x' }));
    await expect(send).rejects.toMatchObject({ name: 'AccessDeniedException', message: 'Access Denied' });
    sqs.destroy();
  });
});

describe('the stack', () => {
  it('gives clients of any identity, by name or access key', async () => {
    expect(stack.clientOptions().credentials.accessKeyId).toBe('KEYOWNER');
    expect(stack.clientOptions('KEYSHOP').credentials).toEqual(stack.clientOptions('shop').credentials);
    expect(() => stack.clientOptions('nobody')).toThrow('identity: got "nobody"');
  });

  it('hands identities and policies to its S3', async () => {
    const owner = client(S3Client, 'owner');
    const shop = client(S3Client, 'shop');
    await owner.send(new PutObjectCommand({ Bucket: 'inbox', Key: 'k', Body: 'x' }));
    const get = new GetObjectCommand({ Bucket: 'inbox', Key: 'k' });
    await expect(shop.send(get)).rejects.toMatchObject({ name: 'AccessDenied' });
    const Principal = { AWS: 'arn:aws:iam::000000000000:user/shop' };
    const Statement = {
      Effect: 'Allow',
      Principal,
      Action: 's3:GetObject',
      Resource: 'arn:aws:s3:::inbox/*',
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    await owner.send(new PutBucketPolicyCommand({ Bucket: 'inbox', Policy }));
    await shop.send(get);
    owner.destroy();
    shop.destroy();
  });

  it('runs lifecycle rules when told to', async () => {
    expect(await stack.runLifecycle()).toEqual({
      expired: 0,
      noncurrentRemoved: 0,
      deleteMarkersRemoved: 0,
      uploadsAborted: 0,
    });
  });

  it('says plain HTTP to policies if it is told to', async () => {
    const identities = [identity('shop', TLS, allow('*', '*'))];
    await using plain = await startLocal({ assumeTls: false, identities });
    const sqs = new SQSClient({ ...plain.clientOptions(), maxAttempts: 1 });
    const send = sqs.send(new SendMessageCommand({ QueueUrl: plain.queueUrl('x'), MessageBody: 'x' }));
    await expect(send).rejects.toMatchObject({
      message: expect.stringContaining('with an explicit deny in an identity-based policy'),
    });
    sqs.destroy();
  });

  it.each([
    [{ policies: [{ Statement: {} }] }, 'identities.policies: Invalid effect: undefined'],
    [{ policies: [{ Statement: { Effect: 'Maybe' } }] }, 'identities.policies: Invalid effect: "Maybe"'],
    [{ arn: 'ann' }, 'identities.arn: got "ann"'],
    [{ name: 'a b' }, 'identities.name: got "a b"'],
  ])('fails to start with %j', async (more, message) => {
    await expect(startLocal({ identities: [{ ...identity('x'), ...more }] })).rejects.toThrow(message);
  });
});
