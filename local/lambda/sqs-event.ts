import { isRecord, recordsOf } from '../wire.ts';
import type { SqsEventAttribute, SqsEventRecord } from './types.ts';

/** A received message, as `ReceiveMessage` answers it, in the shape that functions get. */
export function toSqsRecord(
  message: Readonly<Record<string, unknown>>,
  queueArn: string,
  awsRegion: string,
): SqsEventRecord {
  const { MD5OfMessageAttributes: md5 } = message;
  const attributes = isRecord(message['MessageAttributes']) ? message['MessageAttributes'] : {};
  return {
    messageId: String(message['MessageId']),
    receiptHandle: String(message['ReceiptHandle']),
    body: String(message['Body']),
    attributes: isRecord(message['Attributes']) ? (message['Attributes'] as Record<string, string>) : {},
    messageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [name, toAttribute(isRecord(value) ? value : {})]),
    ),
    md5OfBody: String(message['MD5OfBody']),
    ...(typeof md5 === 'string' ? { md5OfMessageAttributes: md5 } : {}),
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion,
  };
}

function toAttribute(value: Readonly<Record<string, unknown>>): SqsEventAttribute {
  const { StringValue: text, BinaryValue: binary, DataType: dataType } = value;
  return {
    ...(typeof text === 'string' ? { stringValue: text } : {}),
    ...(typeof binary === 'string' ? { binaryValue: binary } : {}),
    stringListValues: [],
    binaryListValues: [],
    dataType: String(dataType),
  };
}

/**
 * The messages of a batch that failed, by id, as the function's answer says. Nothing, `null` or an empty list is
 * success; an answer that is malformed, or names a message that is not of the batch, fails the whole batch.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
export function failedMessageIds(answer: unknown, sent: ReadonlySet<string>): ReadonlySet<string> {
  if (answer === undefined || answer === null) return new Set();
  const list = isRecord(answer) ? answer['batchItemFailures'] : undefined;
  if (isRecord(answer) && (list === undefined ? Object.keys(answer).length === 0 : list === null))
    return new Set();
  if (!Array.isArray(list)) return sent;
  const ids = recordsOf(list).map(({ itemIdentifier }) => itemIdentifier);
  const known = ids.filter((id): id is string => typeof id === 'string' && sent.has(id));
  return known.length === list.length ? new Set(known) : sent;
}
