/** A message attribute, as SQS's JSON protocol has it. */
export interface MessageAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  readonly BinaryValue?: string;
}

/** A message in a queue: fauxqs's own shape, and where it came from if a redrive policy moved it here. */
export interface QueuedMessage {
  readonly messageId: string;
  /** As stored; see `sqs-body.ts`. */
  readonly body: string;
  readonly md5OfBody: string;
  readonly messageAttributes: Readonly<Record<string, MessageAttribute>>;
  readonly md5OfMessageAttributes: string;
  /** Epoch milliseconds. */
  readonly sentTimestamp: number;
  approximateReceiveCount: number;
  /** Epoch milliseconds. */
  approximateFirstReceiveTimestamp?: number | undefined;
  /** Invisible until then; epoch milliseconds. */
  readonly delayUntil?: number | undefined;
  readonly messageGroupId?: string | undefined;
  readonly messageDeduplicationId?: string | undefined;
  sequenceNumber?: string | undefined;
  /** ARN of the queue whose redrive policy moved it here; absent if it was sent here. */
  readonly deadLetterSourceArn?: string | undefined;
}

/** A message that a receiver has. */
export interface InflightMessage {
  readonly message: QueuedMessage;
  readonly receiptHandle: string;
  /** Epoch milliseconds. */
  visibilityDeadline: number;
}

/** A message as `ReceiveMessage` hands it out. */
export interface HandedMessage {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly MD5OfBody: string;
  readonly Body: string;
  MD5OfMessageAttributes?: string;
  MessageAttributes?: Readonly<Record<string, MessageAttribute>>;
}

/** What a receiver gets of a message. */
export function toHandedMessage(message: QueuedMessage, receiptHandle: string): HandedMessage {
  const { messageId, md5OfBody, body, messageAttributes, md5OfMessageAttributes } = message;
  return {
    MessageId: messageId,
    ReceiptHandle: receiptHandle,
    MD5OfBody: md5OfBody,
    Body: body,
    ...(md5OfMessageAttributes === '' ? {} : { MD5OfMessageAttributes: md5OfMessageAttributes }),
    ...(Object.keys(messageAttributes).length === 0 ? {} : { MessageAttributes: messageAttributes }),
  };
}
