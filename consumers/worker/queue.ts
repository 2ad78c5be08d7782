import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type BatchResultErrorEntry,
  type MessageAttributeValue,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { linkSignals } from '../../shared/cancellation.ts';

/** A message as a poll returned it. */
export interface QueueMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  /** How often it was received, this time included. */
  readonly receiveCount: number;
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
}

/** What a queue says of itself. */
export interface QueueDescription {
  readonly arn: string | undefined;
  /** Where its redrive policy sends messages. */
  readonly deadLetterQueueArn: string | undefined;
}

/** A message's new visibility timeout, in seconds from now. */
export interface VisibilityChange {
  readonly receiptHandle: string;
  readonly seconds: number;
}

/** For each entry of a batch, in order: what was wrong with it, or undefined. */
export type BatchResults = readonly (Error | undefined)[];

/** One entry of a batch that SQS did not take; `name` is its code. */
export class BatchEntryError extends Error {
  constructor({ Code, Message }: Pick<BatchResultErrorEntry, 'Code' | 'Message'>) {
    super(Message ?? Code ?? 'no reason given');
    this.name = Code ?? 'BatchEntryError';
  }
}

/**
 * The calls that a worker makes on its queue: the seam between the worker and a client of SQS. Every call takes a
 * signal, leaves no listener on it, and throws its reason when it aborts. Batches hold 1 to 10 entries.
 */
export interface Queue {
  readonly url: string;
  describe(signal: AbortSignal): Promise<QueueDescription>;
  urlOf(arn: string, signal: AbortSignal): Promise<string>;
  receive(
    request: { maxMessages: number; waitSeconds: number; visibilityTimeoutSeconds: number },
    signal: AbortSignal,
  ): Promise<QueueMessage[]>;
  changeVisibilityBatch(changes: readonly VisibilityChange[], signal: AbortSignal): Promise<BatchResults>;
  deleteBatch(receiptHandles: readonly string[], signal: AbortSignal): Promise<BatchResults>;
  /** Sends to any queue. */
  send(
    queueUrl: string,
    body: string,
    attributes: Readonly<Record<string, MessageAttributeValue>>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** The calls of a worker by way of the SDK. */
export function createQueue(client: SQSClient, url: string): Queue {
  return {
    url,
    async describe(signal) {
      const names: ['QueueArn', 'RedrivePolicy'] = ['QueueArn', 'RedrivePolicy'];
      const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: names });
      const { Attributes = {} } = await linked(signal, (abortSignal) =>
        client.send(command, { abortSignal }),
      );
      return {
        arn: Attributes['QueueArn'],
        deadLetterQueueArn: deadLetterTarget(Attributes['RedrivePolicy']),
      };
    },
    async urlOf(arn, signal) {
      const [, , , , account, name] = arn.split(':');
      const command = new GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account });
      const { QueueUrl } = await linked(signal, (abortSignal) => client.send(command, { abortSignal }));
      if (QueueUrl === undefined) throw new Error(`GetQueueUrl of ${arn} answered without a URL`);
      return QueueUrl;
    },
    async receive({ maxMessages, waitSeconds, visibilityTimeoutSeconds }, signal) {
      const command = new ReceiveMessageCommand({
        QueueUrl: url,
        MaxNumberOfMessages: maxMessages,
        WaitTimeSeconds: waitSeconds,
        VisibilityTimeout: visibilityTimeoutSeconds,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      });
      const { Messages = [] } = await linked(signal, (abortSignal) => client.send(command, { abortSignal }));
      return Messages.map((message) => ({
        messageId: message.MessageId ?? '',
        receiptHandle: message.ReceiptHandle ?? '',
        body: message.Body ?? '',
        receiveCount: Number(message.Attributes?.ApproximateReceiveCount ?? 1),
        attributes: message.MessageAttributes ?? {},
      }));
    },
    async changeVisibilityBatch(changes, signal) {
      const command = new ChangeMessageVisibilityBatchCommand({
        QueueUrl: url,
        Entries: changes.map(({ receiptHandle, seconds }, index) => ({
          Id: String(index),
          ReceiptHandle: receiptHandle,
          VisibilityTimeout: seconds,
        })),
      });
      const { Failed } = await linked(signal, (abortSignal) => client.send(command, { abortSignal }));
      return resultsOf(changes.length, Failed);
    },
    async deleteBatch(receiptHandles, signal) {
      const command = new DeleteMessageBatchCommand({
        QueueUrl: url,
        Entries: receiptHandles.map((receiptHandle, index) => ({
          Id: String(index),
          ReceiptHandle: receiptHandle,
        })),
      });
      const { Failed } = await linked(signal, (abortSignal) => client.send(command, { abortSignal }));
      return resultsOf(receiptHandles.length, Failed);
    },
    async send(queueUrl, body, attributes, signal) {
      const command = new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: body,
        MessageAttributes: { ...attributes },
      });
      await linked(signal, (abortSignal) => client.send(command, { abortSignal }));
    },
  };
}

/**
 * True for an answer that says that the message is not ours any more: its lease ran out and another received it, it was
 * deleted, or the handle is not of this queue.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html#API_ChangeMessageVisibility_Errors
 */
export function isLeaseLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (/MessageNotInflight|ReceiptHandleIsInvalid/.test(error.name)) return true;
  return (
    /InvalidParameterValue/.test(error.name) &&
    /message does not exist|not available for visibility timeout change|receipt handle has expired/i.test(
      error.message,
    )
  );
}

/** True for an answer that says that the queue does not exist. */
export function isQueueMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue)$/.test(error.name)
  );
}

/** The SDK takes its listener away when the connection closes, which on keep-alive may be late; the link does at once. */
async function linked<T>(signal: AbortSignal, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  using link = linkSignals([signal]);
  try {
    return await send(link.signal);
  } catch (error) {
    signal.throwIfAborted(); // the SDK throws an AbortError of its own; callers get the reason
    throw error;
  }
}

function resultsOf(count: number, failed: readonly BatchResultErrorEntry[] = []): BatchResults {
  const results: (Error | undefined)[] = Array.from({ length: count }, () => undefined);
  for (const entry of failed) results[Number(entry.Id)] = new BatchEntryError(entry);
  return results;
}

function deadLetterTarget(redrivePolicy: string | undefined): string | undefined {
  if (redrivePolicy === undefined || redrivePolicy === '') return undefined;
  const policy: unknown = JSON.parse(redrivePolicy);
  const target = (policy as { deadLetterTargetArn?: unknown } | null)?.deadLetterTargetArn;
  return typeof target === 'string' ? target : undefined;
}
