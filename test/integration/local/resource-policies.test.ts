import {
  DescribeEventBusCommand,
  EventBridgeClient,
  PutEventsCommand,
  PutPermissionCommand,
  RemovePermissionCommand,
} from '@aws-sdk/client-eventbridge';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostSigner } from '../../../consumers/url-service-sign.ts';
import { startLocal, type LocalStack } from '../../../local/index.ts';
import { systemClock } from '../../../shared/clock.ts';

const ACCOUNT = '000000000000';
const arnOf = (service: string, name: string) => `arn:aws:${service}:us-east-1:${ACCOUNT}:${name}`;
const policy = (...Statement: object[]) => ({ Version: '2012-10-17', Statement });
const worker = {
  accessKeyId: 'WORKER',
  secretAccessKey: 'w',
  name: 'worker',
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/worker/local`,
  policies: [
    policy({ Effect: 'Allow', Action: ['sqs:*', 'events:PutEvents', 's3:PutObject'], Resource: '*' }),
  ],
};
const partner = {
  accessKeyId: 'PARTNER',
  secretAccessKey: 'p',
  name: 'partner',
  arn: 'arn:aws:sts::111122223333:assumed-role/partner/local',
  policies: [policy({ Effect: 'Allow', Action: '*', Resource: '*' })],
};

describe('policies of queues, buses and buckets', () => {
  let stack: LocalStack;
  const rules = ['good', 'bad'].map((name) => ({
    bus: 'exchange',
    name,
    pattern: { source: [name] },
    queue: 'inbox',
    deadLetterQueue: 'undelivered',
  }));
  const inboxPolicy = policy(
    {
      Sid: 'OnlyGood',
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: arnOf('sqs', 'inbox'),
      Condition: { ArnEquals: { 'aws:SourceArn': arnOf('events', 'rule/exchange/good') } },
    },
    {
      Effect: 'Allow',
      Principal: { AWS: '111122223333' },
      Action: 'sqs:ReceiveMessage',
      Resource: arnOf('sqs', 'inbox'),
    },
    {
      Effect: 'Deny',
      Principal: '*',
      Action: 'sqs:SendMessage',
      Resource: arnOf('sqs', 'inbox'),
      Condition: { StringLike: { 'aws:PrincipalArn': '*role/worker' } },
    },
  );

  beforeAll(async () => {
    stack = await startLocal({
      identities: [{ accessKeyId: 'ADMIN', secretAccessKey: 'a', name: 'admin' }, worker, partner],
      buckets: [
        {
          name: 'once',
          policy: policy({
            Effect: 'Deny',
            Principal: '*',
            Action: 's3:PutObject',
            Resource: 'arn:aws:s3:::once/*',
            Condition: { Null: { 's3:if-none-match': 'true' } },
          }),
        },
      ],
      queues: [{ name: 'undelivered' }, { name: 'inbox', policy: inboxPolicy, retentionSeconds: 3600 }],
      buses: [
        {
          name: 'exchange',
          policy: policy({
            Sid: 'NotForWorkers',
            Effect: 'Deny',
            Principal: '*',
            Action: 'events:PutEvents',
            Resource: arnOf('events', 'event-bus/exchange'),
            Condition: {
              StringEquals: { 'events:source': 'reserved' },
              ArnNotEquals: { 'aws:PrincipalArn': `arn:aws:iam::${ACCOUNT}:user/admin` },
            },
          }),
        },
      ],
      rules,
    });
  });
  afterAll(() => stack.close());

  const sqs = (who: string) => new SQSClient(stack.clientOptions(who));
  const receive = async (queue: string, who = 'admin') => {
    const { Messages = [] } = await sqs(who).send(
      new ReceiveMessageCommand({
        QueueUrl: stack.queueUrl(queue),
        MessageAttributeNames: ['All'],
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 0,
      }),
    );
    return Messages;
  };
  const put = async (source: string, who = 'admin', bus = 'exchange') =>
    await new EventBridgeClient(stack.clientOptions(who)).send(
      new PutEventsCommand({
        Entries: [{ EventBusName: bus, Source: source, DetailType: 't', Detail: '{}' }],
      }),
    );

  it("delivers for the rule that the queue's policy names; another rule's event is buried with the reason", async () => {
    await put('good');
    await put('bad');
    const delivered = await receive('inbox');
    expect(delivered.map(({ Body = '' }) => JSON.parse(Body).source)).toEqual(['good']);
    const buried = await receive('undelivered');
    expect(buried.map(({ Body = '' }) => JSON.parse(Body).source)).toEqual(['bad']);
    expect(buried[0]?.MessageAttributes?.['ERROR_CODE']?.StringValue).toBe('NO_PERMISSIONS');
  });

  it("lets another account's role do what the queue's policy allows, and no more", async () => {
    await expect(receive('inbox', 'partner')).resolves.toBeDefined();
    await expect(receive('undelivered', 'partner')).rejects.toThrow('Access Denied');
    const send = new SendMessageCommand({ QueueUrl: stack.queueUrl('inbox'), MessageBody: 'x' });
    await expect(sqs('partner').send(send)).rejects.toThrow('Access Denied');
  });

  it('refuses what a queue denies, whatever the role may', async () => {
    const send = (name: string) =>
      new SendMessageCommand({ QueueUrl: stack.queueUrl(name), MessageBody: 'x' });
    await expect(sqs('worker').send(send('inbox'))).rejects.toThrow(
      /explicit deny in a resource-based policy/,
    );
    await expect(sqs('worker').send(send('undelivered'))).resolves.toBeDefined();
  });

  it('keeps settings and policy of a queue as its attributes', async () => {
    const { Attributes = {} } = await sqs('admin').send(
      new GetQueueAttributesCommand({ QueueUrl: stack.queueUrl('inbox'), AttributeNames: ['All'] }),
    );
    expect(Attributes['MessageRetentionPeriod']).toBe('3600');
    expect(JSON.parse(Attributes['Policy'] ?? '')).toEqual(inboxPolicy);
  });

  it('refuses a source that a bus keeps for others; PutPermission and RemovePermission change that', async () => {
    await put('reserved', 'admin');
    await put('other', 'worker');
    await expect(put('reserved', 'worker')).rejects.toThrow(/explicit deny in a resource-based policy/);
    const admin = new EventBridgeClient(stack.clientOptions('admin'));
    const own = { EventBusName: 'exchange' };
    const before = await admin.send(new DescribeEventBusCommand({ Name: 'exchange' }));
    await admin.send(new RemovePermissionCommand({ ...own, RemoveAllPermissions: true }));
    await put('reserved', 'worker');
    await admin.send(new PutPermissionCommand({ ...own, Policy: before.Policy }));
    await expect(put('reserved', 'worker')).rejects.toThrow(/explicit deny/);
    const malformed = new PutPermissionCommand({ ...own, Policy: '{"Statement": {"Effect": "Perhaps"}}' });
    await expect(admin.send(malformed)).rejects.toThrow('Invalid effect');
  });

  it("enforces a bucket's policy from the start, and refuses one that S3 would not take", async () => {
    const s3 = new S3Client(stack.clientOptions('worker'));
    const object = { Bucket: 'once', Key: 'k', Body: 'x' };
    await expect(s3.send(new PutObjectCommand(object))).rejects.toThrow(/explicit deny/);
    await s3.send(new PutObjectCommand({ ...object, IfNoneMatch: '*' }));
    const foreign = policy({
      Effect: 'Allow',
      Principal: '*',
      Action: 's3:GetObject',
      Resource: 'arn:aws:s3:::else/*',
    });
    await expect(startLocal({ buckets: [{ name: 'mine', policy: foreign }] })).rejects.toThrow(
      'buckets.policy of mine: Policy has invalid resource',
    );
  });
});

describe("a function URL's callers", () => {
  const fn = arnOf('lambda', 'function:answers');
  const right = (Action: string, key: string, value: string) => ({
    Effect: 'Allow',
    Action,
    Resource: fn,
    Condition: { StringEquals: { [key]: value } },
  });
  const byUrl = right('lambda:InvokeFunctionUrl', 'lambda:FunctionUrlAuthType', 'AWS_IAM');
  const through = right('lambda:InvokeFunction', 'lambda:InvokedViaFunctionUrl', 'true');

  it.each([
    ['both rights', [byUrl, through], 200],
    ['the URL only', [byUrl], 403],
    ['the function only', [through], 403],
    ['another function', [{ ...byUrl, Resource: `${fn}-not` }, through], 403],
  ])('may have %s', async (_what, statements, status) => {
    const credentials = { accessKeyId: 'CALLER', secretAccessKey: 'c' };
    await using stack = await startLocal({
      identities: [{ ...credentials, policies: [policy(...statements)] }],
    });
    const { url } = await stack.functionUrl(() => 'hello', { auth: 'AWS_IAM', functionName: 'answers' });
    const sign = createPostSigner({ region: stack.region, credentials, clock: systemClock });
    const headers = await sign(new URL(url), '{}');
    expect((await fetch(url, { method: 'POST', headers, body: '{}' })).status).toBe(status);
  });
});
