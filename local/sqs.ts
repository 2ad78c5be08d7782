import { setImmediate } from 'node:timers/promises';

import { systemClock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { AwsError, notImplemented } from './aws-error.ts';
import type { ActionReply, JsonService } from './json-service.ts';
import { checkResourcePolicy, createPolicyReader } from './resource-policy.ts';
import type { SpyRecorder } from './spy.ts';
import { bodyMd5, fromStoredBody, toStoredBody } from './sqs-body.ts';
import { checkInputTypes } from './sqs-input.ts';
import { createQueueActivity } from './sqs-long-poll.ts';
import { createSqsRecorder } from './sqs-recorder.ts';
import { checkQueueName, openSqsStore, queueNameOf, type StoreReply } from './sqs-store.ts';
import { addSourceArns } from './sqs/dead-letter-source.ts';
import { createRedriveActions } from './sqs/redrive-actions.ts';
import { isRecord, recordsOf, type JsonReply } from './wire.ts';

/** The actions that fauxqs carries out; every other but the redrive of dead-letter queues answers 501. */
const ACTIONS: ReadonlySet<string> = new Set([
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
]);

/** SQS of the local stack. */
export interface SqsService extends JsonService {
  /**
   * Runs an action without HTTP, signature or fault.
   * @throws {AwsError} if the action refuses.
   */
  call(action: string, input: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  hasQueue(name: string): boolean;
  queueUrl(name: string): string;
  queueArn(name: string): string;
  close(): Promise<void>;
}

/** What the service is made of. */
export interface SqsOptions {
  readonly region: string;
  /** Gives the stack's endpoint; asked late, because the port is known only after listening. */
  readonly endpoint: () => string;
  readonly spy: SpyRecorder;
  readonly logger: Logger;
  /** File in which queues and messages are kept. @default - they live in memory only */
  readonly path?: string | undefined;
}

/**
 * Makes the SQS service: fauxqs's actions on queues that survive `kill -9`, with long polls that end when their
 * client leaves, and with queue URLs under the stack's own endpoint. An action answers when what it changed is on
 * disk. Its timers (visibility, delay, long poll, redrive) run on the machine's clock, whatever clock the stack has.
 */
export async function createSqsService(options: SqsOptions): Promise<SqsService> {
  const { spy, logger } = options;
  const store = await openSqsStore(options);
  const activity = createQueueActivity();
  const recorder = createSqsRecorder(spy);
  const redrive = createRedriveActions({
    store: store.queues,
    clock: systemClock,
    onMoved: (queue, count) => activity.notify(queue, count),
    onError: (error) => logger.error({ err: error }, 'a message move task failed'),
  });

  const readPolicyOf = createPolicyReader();

  /** What fauxqs lets pass although SQS refuses it. */
  const check = (action: string, input: Readonly<Record<string, unknown>>): void => {
    if (!ACTIONS.has(action)) throw notImplemented(`SQS ${action || 'requests without an action'}`);
    checkInputTypes(input);
    if (action === 'CreateQueue') checkQueueName(input['QueueName']);
    checkPolicy(input['Attributes']);
    checkRedrivePolicy(input['Attributes'], (arn) => store.queues.getQueueByArn(String(arn)) !== undefined);
  };

  /** Carries out an action that fauxqs does not have. */
  const executeOwn = async (
    action: string,
    input: Readonly<Record<string, unknown>>,
  ): Promise<StoreReply | undefined> => {
    const own = Object.hasOwn(redrive.actions, action) ? redrive.actions[action] : undefined;
    if (own === undefined) return undefined;
    const name = queueNameOf(input['QueueUrl']);
    const output = own(name === undefined ? input : { ...input, QueueUrl: store.queues.buildQueueUrl(name) });
    if (Array.isArray(output['queueUrls'])) output['queueUrls'] = output['queueUrls'].map(outerUrl);
    return { status: 200, headers: { 'content-type': 'application/x-amz-json-1.0' }, output };
  };

  const outerUrl = (url: unknown): string => store.queueUrl(queueNameOf(url) ?? '');

  const execute = async (action: string, input: Readonly<Record<string, unknown>>): Promise<StoreReply> => {
    const own = await executeOwn(action, input);
    if (own !== undefined) return own;
    check(action, input);
    const reply = await store.call(action, storedInput(input));
    if (reply.status !== 200) return reply;
    const queue = queueNameOf(input['QueueUrl']) ?? '';
    if (action === 'TagQueue' || action === 'UntagQueue')
      store.queues.getQueueByName(queue)?.noteDescription();
    if (action === 'ReceiveMessage') addSourceArns(input, reply.output, store.queues.getQueueByName(queue));
    await store.queues.commit();
    restoreBodies(input, reply.output);
    recorder.record(action, queue, input, reply.output);
    activity.notify(queue, madeVisible(action, input));
    return reply;
  };

  /** How long this receive waits, in milliseconds; 0 also for values that the store will refuse. */
  const waitMs = async (input: Readonly<Record<string, unknown>>): Promise<number> => {
    let seconds = input['WaitTimeSeconds'];
    if (seconds === undefined) {
      const { output } = await store.call('GetQueueAttributes', {
        QueueUrl: input['QueueUrl'],
        AttributeNames: ['ReceiveMessageWaitTimeSeconds'],
      });
      const attributes = output['Attributes'];
      seconds = isRecord(attributes) ? Number(attributes['ReceiveMessageWaitTimeSeconds']) : 0;
    }
    return typeof seconds === 'number' && seconds >= 0 && seconds <= 20 ? seconds * 1_000 : 0;
  };

  /** Receives, waiting here and not in the store: who has left while waiting takes no message along. */
  const receive = async (input: Record<string, unknown>, signal: AbortSignal): Promise<ActionReply> => {
    const totalMs = await waitMs(input);
    const request =
      totalMs > 0 || input['WaitTimeSeconds'] === undefined ? { ...input, WaitTimeSeconds: 0 } : input;
    const deadlineMs = systemClock.monotonicMs() + totalMs;
    for (;;) {
      const reply = await execute('ReceiveMessage', request);
      const handles = receivedHandles(reply.output);
      const leftMs = deadlineMs - systemClock.monotonicMs();
      if (reply.status !== 200 || handles.length > 0 || leftMs <= 0 || signal.aborted) {
        return { ...toJson(reply), undelivered: () => giveBack(request['QueueUrl'], handles) };
      }
      await activity.wait(queueNameOf(request['QueueUrl']) ?? '', leftMs, signal);
      await setImmediate(); // a client that left before the message came is seen to have left
      if (signal.aborted) return toJson(reply);
    }
  };

  const giveBack = async (queueUrl: unknown, handles: readonly string[]): Promise<void> => {
    for (const handle of handles)
      await execute('ChangeMessageVisibility', {
        QueueUrl: queueUrl,
        ReceiptHandle: handle,
        VisibilityTimeout: 0,
      });
  };

  return {
    service: 'sqs',
    run: async (action, input, signal) =>
      action === 'ReceiveMessage' ? await receive(input, signal) : toJson(await execute(action, input)),
    refuse: refuseSqs,
    policyOf: (arn) => {
      const text = store.queues.getQueueByArn(arn)?.attributes['Policy'];
      return readPolicyOf(arn, text === '' ? undefined : text);
    },
    call: async (action, input) => {
      const { status, output } = await execute(action, input);
      if (status === 200) return output;
      const { __type: type, message } = output;
      const code = typeof type === 'string' ? type.replace(/^.*#/, '') : 'InternalFailure';
      throw new AwsError(code, typeof message === 'string' ? message : 'No reason given.', status);
    },
    hasQueue: (name) => store.queues.getQueueByName(name) !== undefined,
    queueUrl: (name) => store.queueUrl(name),
    queueArn: (name) => store.queueArn(name),
    close: async () => {
      await redrive.close();
      await store.close();
    },
  };
}

function toJson({ status, headers, output }: StoreReply): JsonReply {
  return { status, headers, body: JSON.stringify(output) };
}

/** An error in the shape of SQS's JSON protocol. @see https://smithy.io/2.0/aws/protocols/aws-query-protocol.html */
function refuseSqs(error: AwsError): JsonReply {
  const fault = error.status < 500 ? 'Sender' : 'Receiver';
  return {
    status: error.status,
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amzn-query-error': `${error.code};${fault}`,
    },
    body: JSON.stringify({ __type: `com.amazonaws.sqs#${error.code}`, message: error.message }),
  };
}

function checkPolicy(attributes: unknown): void {
  const policy = isRecord(attributes) ? attributes['Policy'] : undefined;
  if (typeof policy === 'string' && policy !== '') checkResourcePolicy(policy, 'InvalidAttributeValue');
}

function checkRedrivePolicy(attributes: unknown, exists: (arn: unknown) => boolean): void {
  const policy = isRecord(attributes) ? attributes['RedrivePolicy'] : undefined;
  if (typeof policy !== 'string' || policy === '') return;
  let parsed: unknown;
  try {
    parsed = JSON.parse(policy);
  } catch {
    // refused below
  }
  const refusal = (reason: string): AwsError =>
    new AwsError(
      'InvalidParameterValue',
      `Value ${policy} for parameter RedrivePolicy is invalid. Reason: ${reason}`,
    );
  if (!isRecord(parsed)) throw refusal('Redrive policy is not a valid JSON map.');
  const count = Number(parsed['maxReceiveCount']);
  if (!Number.isInteger(count) || count < 1 || count > 1_000)
    throw refusal('Invalid value for maxReceiveCount: must be an integer from 1 to 1000.');
  if (!exists(parsed['deadLetterTargetArn'])) throw refusal('Dead letter target does not exist.');
}

/** Bodies as the store takes them. */
function storedInput(input: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { MessageBody: body, Entries: entries } = input;
  if (typeof body === 'string') return { ...input, MessageBody: toStoredBody(body) };
  if (!Array.isArray(entries)) return input;
  const stored = entries.map((entry: unknown) => (isRecord(entry) ? storedInput(entry) : entry));
  return { ...input, Entries: stored };
}

/** Bodies and their digests as the sender knows them. */
function restoreBodies(input: Readonly<Record<string, unknown>>, output: Record<string, unknown>): void {
  if (typeof input['MessageBody'] === 'string') output['MD5OfMessageBody'] = bodyMd5(input['MessageBody']);
  const sent = new Map(recordsOf(input['Entries']).map((entry) => [entry['Id'], entry['MessageBody']]));
  for (const result of recordsOf(output['Successful'])) {
    const body = sent.get(result['Id']);
    if (typeof body === 'string') result['MD5OfMessageBody'] = bodyMd5(body);
  }
  for (const message of recordsOf(output['Messages'])) {
    const stored = String(message['Body']);
    const body = fromStoredBody(stored);
    if (body !== stored) Object.assign(message, { Body: body, MD5OfBody: bodyMd5(body) });
  }
}

function receivedHandles(output: Record<string, unknown>): readonly string[] {
  return recordsOf(output['Messages']).map((message) => String(message['ReceiptHandle']));
}

/** How many waiting receivers an action may serve. */
function madeVisible(action: string, input: Readonly<Record<string, unknown>>): number {
  switch (action) {
    case 'SendMessage':
    case 'ChangeMessageVisibility':
    case 'DeleteMessage': // frees the group of a FIFO queue
      return 1;
    case 'SendMessageBatch':
    case 'ChangeMessageVisibilityBatch':
    case 'DeleteMessageBatch':
      return recordsOf(input['Entries']).length;
    default:
      return 0;
  }
}
