import { setImmediate } from 'node:timers/promises';

import { systemClock } from '../shared/clock.ts';
import { AwsError, notImplemented } from './aws-error.ts';
import type { ActionReply, JsonService } from './json-service.ts';
import type { SpyRecorder } from './spy.ts';
import { bodyMd5, fromStoredBody, toStoredBody } from './sqs-body.ts';
import { createQueueActivity } from './sqs-long-poll.ts';
import { createSqsRecorder } from './sqs-recorder.ts';
import { checkQueueName, createSqsStore, queueNameOf, type StoreReply } from './sqs-store.ts';
import { isRecord, recordsOf, type JsonReply } from './wire.ts';

/** The actions that fauxqs carries out; every other answers 501. */
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

/**
 * Makes the SQS service: fauxqs in memory, with long polls that end when their client leaves, and with
 * queue URLs under the stack's own endpoint. Its timers (visibility, delay, long poll) run on the machine's
 * clock, whatever clock the stack has.
 */
export function createSqsService(region: string, endpoint: () => string, spy: SpyRecorder): SqsService {
  const store = createSqsStore(region, endpoint);
  const activity = createQueueActivity();
  const recorder = createSqsRecorder(spy);
  const names = new Set<string>();

  /** What fauxqs lets pass although SQS refuses it. */
  const check = (action: string, input: Readonly<Record<string, unknown>>): void => {
    if (!ACTIONS.has(action)) throw notImplemented(`SQS ${action || 'requests without an action'}`);
    if (action === 'CreateQueue') checkQueueName(input['QueueName']);
    checkRedrivePolicy(input['Attributes'], (arn) => [...names].some((name) => store.queueArn(name) === arn));
  };

  const execute = async (action: string, input: Readonly<Record<string, unknown>>): Promise<StoreReply> => {
    check(action, input);
    const reply = await store.call(action, storedInput(input));
    if (reply.status !== 200) return reply;
    const queue = queueNameOf(input['QueueUrl']) ?? '';
    restoreBodies(input, reply.output);
    if (action === 'CreateQueue') names.add(String(input['QueueName']));
    if (action === 'DeleteQueue') names.delete(queue);
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
    call: async (action, input) => {
      const { status, output } = await execute(action, input);
      if (status === 200) return output;
      const { __type: type, message } = output;
      const code = typeof type === 'string' ? type.replace(/^.*#/, '') : 'InternalFailure';
      throw new AwsError(code, typeof message === 'string' ? message : 'No reason given.', status);
    },
    hasQueue: (name) => names.has(name),
    queueUrl: (name) => store.queueUrl(name),
    queueArn: (name) => store.queueArn(name),
    close: () => store.close(),
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
