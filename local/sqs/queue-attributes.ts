import { isRecord } from '../wire.ts';

/** Attributes of a queue that was made without any. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html */
export const DEFAULT_ATTRIBUTES: Readonly<Record<string, string>> = {
  VisibilityTimeout: '30',
  DelaySeconds: '0',
  MaximumMessageSize: '1048576',
  MessageRetentionPeriod: '345600',
  ReceiveMessageWaitTimeSeconds: '0',
};

/** What `All` stands for. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html */
export const QUEUE_ATTRIBUTES: readonly string[] = [
  'QueueArn',
  ...Object.keys(DEFAULT_ATTRIBUTES),
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
  'CreatedTimestamp',
  'LastModifiedTimestamp',
  'RedrivePolicy',
  'Policy',
  'KmsMasterKeyId',
  'KmsDataKeyReusePeriodSeconds',
  'FifoQueue',
  'ContentBasedDeduplication',
  'DeduplicationScope',
  'FifoThroughputLimit',
];

/** A queue's state, as its attributes tell it. */
export interface AttributeSource {
  readonly arn: string;
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly createdTimestamp: number;
  readonly lastModifiedTimestamp: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The value of an attribute; undefined if the queue has none of this name. */
export function queueAttribute(name: string, source: AttributeSource): string | undefined {
  switch (name) {
    case 'QueueArn':
      return source.arn;
    case 'ApproximateNumberOfMessages':
      return String(source.ready);
    case 'ApproximateNumberOfMessagesNotVisible':
      return String(source.inFlight);
    case 'ApproximateNumberOfMessagesDelayed':
      return String(source.delayed);
    case 'CreatedTimestamp':
      return String(source.createdTimestamp);
    case 'LastModifiedTimestamp':
      return String(source.lastModifiedTimestamp);
    default:
      return source.attributes[name] === '' ? undefined : source.attributes[name];
  }
}

/** The redrive policy among a queue's attributes; it was checked when it was set. */
export function redrivePolicyOf(attributes: Readonly<Record<string, string>>): {
  readonly maxReceiveCount: number;
  readonly deadLetterTargetArn: string | undefined;
} {
  const none = { maxReceiveCount: Infinity, deadLetterTargetArn: undefined };
  const text = attributes['RedrivePolicy'];
  if (text === undefined || text === '') return none;
  const policy: unknown = JSON.parse(text);
  if (!isRecord(policy)) return none;
  return {
    maxReceiveCount: Number(policy['maxReceiveCount']),
    deadLetterTargetArn: String(policy['deadLetterTargetArn']),
  };
}
