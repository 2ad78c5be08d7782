import { AwsError } from './aws-error.ts';
import { isRecord } from './wire.ts';

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number';
const isTexts: Check = (value) => Array.isArray(value) && value.every((item) => isText(item));
const isTextMap: Check = (value) => isRecord(value) && Object.values(value).every((item) => isText(item));

const isMessageAttributes: Check = (value) =>
  isRecord(value) &&
  Object.values(value).every(
    (item) =>
      isRecord(item) &&
      isText(item['DataType']) &&
      isOptionalText(item['StringValue']) &&
      isOptionalText(item['BinaryValue']),
  );
const isOptionalText: Check = (value) => value === undefined || isText(value);

/** Types of the members of SQS's requests. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html */
const MEMBERS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...[
    'QueueUrl',
    'QueueName',
    'QueueNamePrefix',
    'QueueOwnerAWSAccountId',
    'MessageBody',
    'MessageGroupId',
  ].map((name) => [name, isText] as const),
  ...['MessageDeduplicationId', 'ReceiveRequestAttemptId', 'ReceiptHandle', 'Id', 'NextToken'].map(
    (name) => [name, isText] as const,
  ),
  ...['SourceArn', 'DestinationArn', 'TaskHandle'].map((name) => [name, isText] as const),
  ...['DelaySeconds', 'VisibilityTimeout', 'MaxNumberOfMessages', 'WaitTimeSeconds', 'MaxResults'].map(
    (name) => [name, isNumber] as const,
  ),
  ['MaxNumberOfMessagesPerSecond', isNumber],
  ...['AttributeNames', 'MessageAttributeNames', 'MessageSystemAttributeNames', 'TagKeys'].map(
    (name) => [name, isTexts] as const,
  ),
  ...['Attributes', 'Tags', 'tags'].map((name) => [name, isTextMap] as const),
  ...['MessageAttributes', 'MessageSystemAttributes'].map((name) => [name, isMessageAttributes] as const),
  ['Entries', (value) => Array.isArray(value) && value.every((item) => isRecord(item))],
]);

/**
 * Checks the types of a request's members, which the store takes for granted.
 * @throws {AwsError} SerializationException naming the member
 */
export function checkInputTypes(input: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(input)) {
    if (MEMBERS.get(name)?.(value) === false)
      throw new AwsError('SerializationException', `The value of ${name} has the wrong type.`);
  }
  const { Entries: entries } = input;
  if (Array.isArray(entries)) for (const entry of entries) checkInputTypes(entry as Record<string, unknown>);
}
