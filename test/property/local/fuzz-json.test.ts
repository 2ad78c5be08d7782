import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { deepened, mutated } from '../../helpers/local-fuzz/arbitraries.ts';
import { expectAnswered, fuzz, startFuzzed } from '../../helpers/local-fuzz/fuzzed-stack.ts';
import type { FuzzedStack } from '../../helpers/local-fuzz/fuzzed-stack.ts';

let stack: FuzzedStack;
beforeAll(async () => {
  stack = await startFuzzed();
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

const SQS = [
  'CreateQueue',
  'DeleteQueue',
  'GetQueueUrl',
  'ListQueues',
  'GetQueueAttributes',
  'SetQueueAttributes',
  'PurgeQueue',
  'SendMessage',
  'SendMessageBatch',
  'ReceiveMessage',
  'DeleteMessage',
  'DeleteMessageBatch',
  'ChangeMessageVisibility',
  'ChangeMessageVisibilityBatch',
  'TagQueue',
  'UntagQueue',
  'ListQueueTags',
  'StartMessageMoveTask',
  'ListMessageMoveTasks',
  'CancelMessageMoveTask',
  'ListDeadLetterSourceQueues',
  'constructor',
  '',
];
const EVENTS = [
  'PutEvents',
  'PutRule',
  'PutTargets',
  'RemoveTargets',
  'DeleteRule',
  'DescribeRule',
  'ListRules',
  'ListTargetsByRule',
  'ListRuleNamesByTarget',
  'CreateEventBus',
  'DeleteEventBus',
  'DescribeEventBus',
  'ListEventBuses',
  'EnableRule',
  'DisableRule',
  'TestEventPattern',
  'toString',
  '',
];

const NAMES = [
  'QueueUrl',
  'QueueName',
  'Attributes',
  'AttributeNames',
  'MessageBody',
  'MessageAttributes',
  'MessageSystemAttributes',
  'DelaySeconds',
  'MessageGroupId',
  'MessageDeduplicationId',
  'Entries',
  'Id',
  'ReceiptHandle',
  'VisibilityTimeout',
  'MaxNumberOfMessages',
  'Tags',
  'TagKeys',
  'NextToken',
  'MaxResults',
  'SourceArn',
  'DestinationArn',
  'TaskHandle',
  'Source',
  'DetailType',
  'Detail',
  'Resources',
  'Time',
  'EventBusName',
  'Name',
  'Rule',
  'EventPattern',
  'ScheduleExpression',
  'State',
  'Targets',
  'Ids',
  'Arn',
  'Limit',
  'NamePrefix',
  'Event',
  'Force',
  '__proto__',
] as const;

const url = 'http://127.0.0.1/000000000000/queue';
const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    url,
    `${url}.fifo`,
    'queue',
    'queue.fifo',
    'default',
    'rule',
    'fuzz',
    'arn:aws:sqs:us-east-1:000000000000:queue',
    '{"source":["fuzz"]}',
    '{}',
    '{"a":[{"numeric":["<"]}]}',
    '[',
    'ENABLED',
    '\0',
    '',
    'x'.repeat(300),
    '\ud800',
    -1,
    0,
    1,
    1e20,
    0.5,
    null,
    true,
  ),
  fc.string({ maxLength: 20 }),
  fc.integer(),
);
const value: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'json' },
    leaf,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 5 })), tie('any'), {
      maxKeys: 4,
    }),
  ),
})).any;
const input = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 7 });

async function call(service: 'sqs' | 'events', action: string, text: string): Promise<void> {
  const prefix = service === 'sqs' ? 'AmazonSQS' : 'AWSEvents';
  const headers = { 'x-amz-target': `${prefix}.${action}`, 'content-type': 'application/x-amz-json-1.0' };
  const body = Buffer.from(text);
  const payloadHash = createHash('sha256').update(body).digest('hex');
  expectAnswered(await stack.send({ method: 'POST', target: '/', headers, service, payloadHash }, body));
}

describe('SQS and EventBridge, given nonsense with a good signature', () => {
  it('answer any JSON for any SQS action', async () => {
    await fuzz(
      'SQS',
      fc.tuple(fc.constantFrom(...SQS), input),
      async ([action, fields]) => {
        await call('sqs', action, JSON.stringify({ QueueUrl: url, ...fields, WaitTimeSeconds: 0 }));
      },
      500,
    );
    await stack.expectClean();
  });

  it('answer any JSON for any EventBridge action', async () => {
    await fuzz(
      'EventBridge',
      fc.tuple(fc.constantFrom(...EVENTS), input),
      async ([action, fields]) => {
        await call('events', action, JSON.stringify(fields));
      },
      500,
    );
    await stack.expectClean();
  });

  it('answer text that is no JSON, or hardly', async () => {
    const seeds = [
      '{"QueueUrl":"x","MessageBody":"y"}',
      '{"Entries":[{"Source":"fuzz","DetailType":"d","Detail":"{\\"a\\":1}"}]}',
      'DEEP([)',
      '{"Entries":[{"Source":"fuzz","DetailType":"d","Detail":"{\\"a\\":DEEP([)DEEP(])}"}]}',
      '{"Name":"deep","EventPattern":"{\\"a\\":DEEP([)DEEP(])}"}',
      'DEEP({)1DEEP(})',
      '{"EventPattern":"{\\"a\\":[{\\"wildcard\\":\\"**\\"}]}","Name":"n"}',
    ];
    await fuzz(
      'text',
      fc.tuple(fc.constantFrom('sqs', 'events'), mutated(seeds), fc.nat()),
      async ([service, text, pick]) => {
        const actions = service === 'sqs' ? SQS : EVENTS;
        await call(service, actions[pick % actions.length]!, deepened(text));
      },
      200,
    );
    await stack.expectClean();
  });
});
