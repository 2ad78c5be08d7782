import { createHash } from 'node:crypto';

import { EventBridgeClient, DisableRuleCommand, PutRuleCommand } from '@aws-sdk/client-eventbridge';
import {
  GetQueueAttributesCommand,
  SQSClient,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createManualClock, startLocal, type LocalStack } from '../../../local/index.ts';
import type { FunctionUrlEvent, LambdaContext, ScheduledEvent, SqsEvent } from '../../../local/index.ts';
import { signedFetch } from '../../helpers/signed-fetch.ts';

/** Values that come one by one, and can be awaited. */
function mailbox<T>(): { put(value: T): void; next(): Promise<T> } {
  const values: T[] = [];
  const waiting: ((value: T) => void)[] = [];
  return {
    put: (value) => {
      const wake = waiting.shift();
      if (wake === undefined) values.push(value);
      else wake(value);
    },
    next: async () => values.shift() ?? (await new Promise<T>((resolve) => void waiting.push(resolve))),
  };
}

describe('onQueue', () => {
  let stack: LocalStack;
  let sqs: SQSClient;
  beforeEach(async () => {
    const orders = {
      name: 'orders',
      deadLetterQueue: 'dlq',
      maxReceiveCount: 2,
      visibilityTimeoutSeconds: 60,
    };
    stack = await startLocal({ queues: [orders] });
    sqs = new SQSClient(stack.clientOptions());
  });
  afterEach(async () => {
    sqs.destroy();
    await stack.close();
  });
  const sendAll = async (bodies: readonly string[]): Promise<void> => {
    const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: stack.queueUrl('orders'), Entries }));
  };
  const left = async (name: string): Promise<string> => {
    const { Attributes: a } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: stack.queueUrl(name), AttributeNames: ['All'] }),
    );
    return `${a?.['ApproximateNumberOfMessages']}+${a?.['ApproximateNumberOfMessagesNotVisible']}`;
  };

  it('hands over the event of an SQS event source, and a context', async () => {
    const calls = mailbox<readonly [SqsEvent, LambdaContext]>();
    stack.onQueue('orders', (event, context) => calls.put([event, context]), { functionName: 'intake' });
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: stack.queueUrl('orders'),
        MessageBody: 'one',
        MessageAttributes: { colour: { DataType: 'String', StringValue: 'blue' } },
      }),
    );
    const [event, context] = await calls.next();
    expect(event).toEqual({
      Records: [
        {
          messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          receiptHandle: expect.any(String),
          body: 'one',
          attributes: {
            ApproximateReceiveCount: '1',
            SentTimestamp: expect.stringMatching(/^\d{13}$/),
            SenderId: '000000000000',
            ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
          },
          messageAttributes: {
            colour: { stringValue: 'blue', stringListValues: [], binaryListValues: [], dataType: 'String' },
          },
          md5OfBody: createHash('md5').update('one').digest('hex'),
          md5OfMessageAttributes: expect.stringMatching(/^[0-9a-f]{32}$/),
          eventSource: 'aws:sqs',
          eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:orders',
          awsRegion: 'us-east-1',
        },
      ],
    });
    expect(context).toMatchObject({
      functionName: 'intake',
      functionVersion: '$LATEST',
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:intake',
    });
    expect(context.awsRequestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(context.getRemainingTimeInMillis()).toBeLessThanOrEqual(30_000);
    await stack.spy.waitFor((record) => record.kind === 'delete');
    expect(await left('orders')).toBe('0+0');
  });

  it('deletes what a partial batch response does not name, and keeps the rest in flight', async () => {
    await sendAll(['good', 'bad', 'fine']);
    stack.onQueue(
      'orders',
      ({ Records }) => ({
        batchItemFailures: Records.filter(({ body }) => body === 'bad').map(({ messageId }) => ({
          itemIdentifier: messageId,
        })),
      }),
      { reportBatchItemFailures: true },
    );
    await stack.spy.waitFor((record) => record.kind === 'delete' && record.sequence > 0);
    await stack.spy.waitFor(() => stack.spy.records('delete').length === 2);
    expect(await left('orders')).toBe('0+1');
  });

  it('receives again what failed, until the dead-letter queue has it', async () => {
    const calls = mailbox<string | undefined>();
    const fail = ({ Records }: SqsEvent): never => {
      calls.put(Records[0]?.attributes['ApproximateReceiveCount']);
      throw new Error('not today');
    };
    stack.onQueue('orders', fail, { visibilityTimeoutSeconds: 0 });
    await sendAll(['poison']);
    expect([await calls.next(), await calls.next()]).toEqual(['1', '2']);
    for (let look = 0; look < 500 && (await left('dlq')) !== '1+0'; look += 1);
    expect(await left('dlq')).toBe('1+0');
    expect(stack.spy.records('delete')).toEqual([]);
  });

  it('gathers a batch of more than ten within its window', async () => {
    const sizes = mailbox<number>();
    await sendAll(Array.from({ length: 10 }, (_, index) => `a${index}`));
    await sendAll(['b0', 'b1']);
    const options = { batchSize: 12, maxBatchingWindowSeconds: 30 };
    stack.onQueue('orders', ({ Records }) => sizes.put(Records.length), options);
    expect(await sizes.next()).toBe(12);
  });

  it('stops: what is under way ends, later messages stay in the queue', async () => {
    const calls = mailbox<SqsEvent>();
    const hook = stack.onQueue('orders', (event) => calls.put(event));
    await sendAll(['first']);
    await calls.next();
    await hook.stop();
    expect(await left('orders')).toBe('0+0');
    await sendAll(['second']);
    expect(await left('orders')).toBe('1+0');
  });

  it('counts an invocation that takes too long as failed', async () => {
    const clock = createManualClock();
    await using timed = await startLocal({ clock, queues: [{ name: 'slow', visibilityTimeoutSeconds: 60 }] });
    const calls = mailbox<LambdaContext>();
    timed.onQueue('slow', async (_event, context) => {
      calls.put(context);
      await new Promise(() => {}); // never
    });
    const client = new SQSClient(timed.clientOptions());
    await client.send(new SendMessageCommand({ QueueUrl: timed.queueUrl('slow'), MessageBody: 'x' }));
    client.destroy();
    const context = await calls.next();
    expect(context.getRemainingTimeInMillis()).toBe(30_000);
    clock.advance(30_000);
    expect(context.getRemainingTimeInMillis()).toBe(0);
    await timed.close(); // ends only because the invocation has
    await timed.spy.expectNone((record) => record.kind === 'delete');
  });

  it('refuses options out of range, and a queue that does not exist', () => {
    expect(() => stack.onQueue('nowhere', () => {})).toThrow('queue: got "nowhere"');
    expect(() => stack.onQueue('orders', () => {}, { batchSize: 11 })).toThrow(
      'maxBatchingWindowSeconds: got 0',
    );
    expect(() => stack.onQueue('orders', () => {}, { timeoutSeconds: 901 })).toThrow(RangeError);
  });
});

describe('functionUrl', () => {
  let stack: LocalStack;
  beforeEach(async () => {
    const identities = [{ accessKeyId: 'ARCHIVE', secretAccessKey: 'secret', name: 'archive' }];
    stack = await startLocal({ identities });
  });
  afterEach(async () => {
    await stack.close();
  });

  const signed = async (url: string, body: string, secretAccessKey: string = 'secret'): Promise<Response> =>
    await signedFetch(url, {
      region: stack.region,
      credentials: { accessKeyId: 'ARCHIVE', secretAccessKey },
      body,
    });

  it('hands over payload format 2.0, with the identity that signed', async () => {
    const events: FunctionUrlEvent[] = [];
    const { url } = await stack.functionUrl(
      (event) => {
        events.push(event);
        return { statusCode: 201, headers: { 'x-seen': 'yes' }, body: 'made', cookies: ['a=1', 'b=2'] };
      },
      { auth: 'AWS_IAM' },
    );
    const reply = await signed(`${url}a%20b`, '{"n":1}');
    expect([reply.status, reply.headers.get('x-seen'), await reply.text()]).toEqual([201, 'yes', 'made']);
    expect(reply.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(events[0]).toMatchObject({
      version: '2.0',
      rawPath: '/a%20b',
      body: '{"n":1}',
      isBase64Encoded: false,
      headers: { 'content-type': 'application/json' },
      requestContext: {
        accountId: '000000000000',
        authorizer: { iam: { accessKey: 'ARCHIVE', userArn: 'arn:aws:iam::000000000000:user/archive' } },
        http: { method: 'POST', path: '/a%20b', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1' },
        time: expect.stringMatching(/^\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      },
    });
  });

  it('answers 403 to who has not signed, or wrongly, and does not call the function', async () => {
    let calls = 0;
    const { url } = await stack.functionUrl(() => (calls += 1), { auth: 'AWS_IAM' });
    const unsigned = await fetch(url);
    expect([unsigned.status, await unsigned.json()]).toEqual([403, { Message: 'Forbidden' }]);
    expect((await signed(url, 'x', 'wrong')).status).toBe(403);
    expect(calls).toBe(0);
  });

  it('serves anybody without auth: query, binary bodies, answers without a status', async () => {
    const { url } = await stack.functionUrl((event) => event, { auth: 'NONE' });
    const bytes = Buffer.from([0, 255, 1]);
    const headers = { 'content-type': 'application/octet-stream', cookie: 'a=1; b=2' };
    const reply = await fetch(`${url}?x=1&x=2&y`, { method: 'POST', headers, body: bytes });
    const event = (await reply.json()) as FunctionUrlEvent;
    expect(reply.status).toBe(200);
    expect(event).toMatchObject({
      rawQueryString: 'x=1&x=2&y',
      queryStringParameters: { x: '1,2', y: '' },
      cookies: ['a=1', 'b=2'],
      body: bytes.toString('base64'),
      isBase64Encoded: true,
      requestContext: { accountId: 'anonymous' },
    });
    expect(event.requestContext.authorizer).toBeUndefined();
  });

  it('answers 502 when the function throws or answers nonsense, 413 to a body that is too large', async () => {
    const broken = await stack.functionUrl(
      () => {
        throw new Error('broken');
      },
      { auth: 'NONE' },
    );
    expect((await fetch(broken.url)).status).toBe(502);
    const nonsense = await stack.functionUrl(() => ({ statusCode: 'soon' }), { auth: 'NONE' });
    expect((await fetch(nonsense.url)).status).toBe(502);
    const body = Buffer.alloc(6 * 1024 ** 2 + 1);
    expect((await fetch(nonsense.url, { method: 'POST', body })).status).toBe(413);
    await broken.stop();
    await expect(fetch(broken.url)).rejects.toThrow('fetch failed');
  });
});

describe('schedule', () => {
  it('runs by rate and cron when time passes, in order, with the event of a scheduled rule', async () => {
    await using stack = await startLocal({ clock: createManualClock(Date.UTC(2026, 10, 20, 11, 58)) });
    const runs: string[] = [];
    const note = (name: string) => (event: ScheduledEvent) => void runs.push(`${name} ${event.time}`);
    stack.schedule('rate(1 minute)', note('rate'));
    const cron = stack.schedule('cron(0 12 ? * MON-FRI *)', note('cron'));
    expect(await stack.tick(59_000)).toBe(0);
    expect(await stack.tick(61_000)).toBe(3);
    expect(runs).toEqual([
      'rate 2026-11-20T11:59:00Z',
      'rate 2026-11-20T12:00:00Z',
      'cron 2026-11-20T12:00:00Z',
    ]);
    await cron.stop();
    expect(await stack.tick(86_400_000)).toBe(1_440);
  });

  it('runs by a rule that exists, while it is enabled', async () => {
    await using stack = await startLocal({ clock: createManualClock(0) });
    const events = new EventBridgeClient({ ...stack.clientOptions(), systemClockOffset: -Date.now() });
    await events.send(new PutRuleCommand({ Name: 'sweep', ScheduleExpression: 'rate(2 minutes)' }));
    const seen: ScheduledEvent[] = [];
    stack.schedule('sweep', (event) => void seen.push(event));
    await stack.tick(120_000);
    expect(seen).toEqual([
      {
        version: '0',
        id: expect.any(String),
        'detail-type': 'Scheduled Event',
        source: 'aws.events',
        account: '000000000000',
        time: '1970-01-01T00:02:00Z',
        region: 'us-east-1',
        resources: ['arn:aws:events:us-east-1:000000000000:rule/sweep'],
        detail: {},
      },
    ]);
    await events.send(new DisableRuleCommand({ Name: 'sweep' }));
    events.destroy();
    expect(await stack.tick(600_000)).toBe(0);
    expect(() => stack.schedule('nothing', () => {})).toThrow('expressionOrRule: got "nothing"');
  });

  it('runs ahead of a clock that nobody moves, and reports what failed after all have run', async () => {
    await using stack = await startLocal();
    let runs = 0;
    stack.schedule('rate(1 day)', () => {
      throw new Error('swept away');
    });
    stack.schedule('rate(1 day)', () => void (runs += 1));
    await expect(stack.tick(86_400_000)).rejects.toThrow('1 scheduled functions failed');
    expect(runs).toBe(1);
  });

  it('follows a clock that somebody else moves', async () => {
    const clock = createManualClock();
    await using stack = await startLocal({ clock });
    const ran = mailbox<ScheduledEvent>();
    stack.schedule('rate(1 minute)', (event) => ran.put(event));
    clock.advance(60_000);
    expect((await ran.next())['detail-type']).toBe('Scheduled Event');
  });
});
