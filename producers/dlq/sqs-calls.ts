import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type Message,
  type MessageAttributeValue,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { linkSignals } from '../../shared/cancellation.ts';
import { MAX_SQS_MESSAGE_BYTES } from '../../shared/limits.ts';

/** Entries of one batch call. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
export const MAX_BATCH_ENTRIES = 10;

/** A message to send. */
export interface OutgoingMessage {
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
  /** FIFO queues only. */
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

/** What a queue says of itself. */
export interface QueueFacts {
  readonly arn: string;
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/** The SQS calls of the dead-letter tools; each ends with the signal's reason when that aborts. */
export interface SqsCalls {
  facts(queueUrl: string): Promise<QueueFacts>;
  urlOf(arn: string): Promise<string>;
  /** The queues whose redrive policy names this one. */
  sources(queueUrl: string): Promise<string[]>;
  receive(queueUrl: string, visibilitySeconds: number, waitSeconds: number): Promise<Message[]>;
  /** Makes messages visible at once; what cannot be is left to its timeout. */
  release(queueUrl: string, receiptHandles: readonly string[]): Promise<void>;
  /** @returns whether each was taken */
  send(queueUrl: string, messages: readonly OutgoingMessage[]): Promise<(string | undefined)[]>;
  /** @returns what went wrong with each; undefined for those deleted */
  remove(queueUrl: string, receiptHandles: readonly string[]): Promise<(string | undefined)[]>;
}

/** Makes the calls by way of an SDK client. */
export function createSqsCalls(client: SQSClient, signal: AbortSignal | undefined): SqsCalls {
  const linked = async <T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    using link = linkSignals([signal]);
    try {
      return await call(link.signal);
    } catch (error) {
      signal?.throwIfAborted(); // the SDK throws an AbortError of its own; callers get the reason
      throw error;
    }
  };
  return {
    async facts(queueUrl) {
      const command = new GetQueueAttributesCommand({
        QueueUrl: queueUrl,
        AttributeNames: [
          'QueueArn',
          'ApproximateNumberOfMessages',
          'ApproximateNumberOfMessagesNotVisible',
          'ApproximateNumberOfMessagesDelayed',
        ],
      });
      const { Attributes = {} } = await linked((abortSignal) => client.send(command, { abortSignal }));
      return {
        arn: Attributes['QueueArn'] ?? '',
        visible: Number(Attributes['ApproximateNumberOfMessages'] ?? 0),
        inFlight: Number(Attributes['ApproximateNumberOfMessagesNotVisible'] ?? 0),
        delayed: Number(Attributes['ApproximateNumberOfMessagesDelayed'] ?? 0),
      };
    },
    async urlOf(arn) {
      const [, , , , account, name] = arn.split(':');
      const command = new GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account });
      const { QueueUrl } = await linked((abortSignal) => client.send(command, { abortSignal }));
      if (QueueUrl === undefined) throw new Error(`GetQueueUrl of ${arn} answered without a URL`);
      return QueueUrl;
    },
    async sources(queueUrl) {
      const found: string[] = [];
      let token: string | undefined;
      do {
        const command = new ListDeadLetterSourceQueuesCommand({
          QueueUrl: queueUrl,
          MaxResults: 1000,
          ...(token === undefined ? {} : { NextToken: token }),
        });
        const { queueUrls = [], NextToken } = await linked((abortSignal) =>
          client.send(command, { abortSignal }),
        );
        found.push(...queueUrls);
        token = NextToken;
      } while (token !== undefined && found.length < 10_000);
      return found;
    },
    async receive(queueUrl, visibilitySeconds, waitSeconds) {
      const command = new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: visibilitySeconds,
        WaitTimeSeconds: waitSeconds,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      });
      return (await linked((abortSignal) => client.send(command, { abortSignal }))).Messages ?? [];
    },
    async release(queueUrl, receiptHandles) {
      for (const handles of chunks(receiptHandles)) {
        const Entries = handles.map((ReceiptHandle, index) => ({
          Id: String(index),
          ReceiptHandle,
          VisibilityTimeout: 0,
        }));
        // Also after an abort: what was only looked at must not stay hidden.
        await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
      }
    },
    async send(queueUrl, messages) {
      const failed: (string | undefined)[] = messages.map(() => undefined);
      for (const batch of batchesOf(messages)) {
        const Entries = batch.map(({ message, index }) => ({
          Id: String(index),
          MessageBody: message.body,
          MessageAttributes: { ...message.attributes },
          ...(message.groupId === undefined ? {} : { MessageGroupId: message.groupId }),
          ...(message.deduplicationId === undefined
            ? {}
            : { MessageDeduplicationId: message.deduplicationId }),
        }));
        const command = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries });
        const { Successful = [], Failed = [] } = await linked((abortSignal) =>
          client.send(command, { abortSignal }),
        );
        const taken = new Set(Successful.map(({ Id }) => Id));
        for (const { index } of batch) {
          if (taken.has(String(index))) continue;
          const failure = Failed.find(({ Id }) => Id === String(index));
          failed[index] = `${failure?.Code ?? 'NoResult'}: ${failure?.Message ?? 'SQS did not say why'}`;
        }
      }
      return failed;
    },
    async remove(queueUrl, receiptHandles) {
      const failed: (string | undefined)[] = [];
      for (const handles of chunks(receiptHandles)) {
        const Entries = handles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
        const command = new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries });
        const { Failed = [] } = await linked((abortSignal) => client.send(command, { abortSignal }));
        const codes = new Map(Failed.map(({ Id, Code }) => [Id, Code ?? 'unknown']));
        failed.push(...handles.map((_, index) => codes.get(String(index))));
      }
      return failed;
    },
  };
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / MAX_BATCH_ENTRIES) }, (_, at) =>
    items.slice(at * MAX_BATCH_ENTRIES, (at + 1) * MAX_BATCH_ENTRIES),
  );
}

/** Groups messages by what one SendMessageBatch takes: 10 entries, 1 MiB in all, attributes included. */
function batchesOf(
  messages: readonly OutgoingMessage[],
): { readonly message: OutgoingMessage; readonly index: number }[][] {
  const batches: { readonly message: OutgoingMessage; readonly index: number }[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [index, message] of messages.entries()) {
    const size = messageBytes(message);
    const last = batches.at(-1);
    if (last === undefined || last.length === MAX_BATCH_ENTRIES || bytes + size > MAX_SQS_MESSAGE_BYTES) {
      batches.push([{ message, index }]);
      bytes = size;
    } else {
      last.push({ message, index });
      bytes += size;
    }
  }
  return batches;
}

/** Body, and names, types and values of attributes. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
function messageBytes({ body, attributes }: OutgoingMessage): number {
  let bytes = Buffer.byteLength(body);
  for (const [name, { DataType = '', StringValue = '', BinaryValue }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType) + Buffer.byteLength(StringValue);
    bytes += BinaryValue?.byteLength ?? 0;
  }
  return bytes;
}
