import type { JsonAccess } from './json-access.ts';
import { LOCAL_ACCOUNT_ID, queueNameOf } from './sqs-store.ts';

/** Batches need the permission of their single action; a task that moves messages is named by its handle only. */
const RENAMED: Readonly<Record<string, string>> = {
  SendMessageBatch: 'SendMessage',
  DeleteMessageBatch: 'DeleteMessage',
  ChangeMessageVisibilityBatch: 'ChangeMessageVisibility',
};

/**
 * What a request to SQS must be allowed.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
 */
export function sqsAccesses(
  action: string,
  input: Readonly<Record<string, unknown>>,
  region: string,
): readonly JsonAccess[] {
  const { SourceArn: source, QueueUrl: url, QueueName: named } = input;
  const name = queueNameOf(url) ?? (typeof named === 'string' ? named : undefined);
  const arn = name === undefined ? '*' : `arn:aws:sqs:${region}:${LOCAL_ACCOUNT_ID}:${name}`;
  const resource = name === undefined && typeof source === 'string' ? source : arn;
  return [{ action: `sqs:${RENAMED[action] ?? action}`, resource }];
}
