import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createDeadLetterQueue, type DeadLetterQueue } from '../producers/index.ts';
import type { Logger } from '../shared/logger.ts';
import { regionOf, required, type Environment } from './environment.ts';
import { checked, UsageError } from './errors.ts';

/**
 * Opens the dead-letter queue that a flag or `WAYBILL_DLQ` names, or else that of `WAYBILL_QUEUE`.
 * @throws {UsageError} when neither says which
 */
export async function openDeadLetterQueue(
  env: Environment,
  flags: { readonly dlq?: string; readonly region?: string },
  logger: Logger,
): Promise<DeadLetterQueue & { readonly queueUrl: string }> {
  const connection = {
    region: regionOf(env, flags.region),
    ...(env.AWS_ENDPOINT_URL === undefined ? {} : { endpoint: env.AWS_ENDPOINT_URL }),
  };
  const queueUrl = flags.dlq ?? env.WAYBILL_DLQ ?? (await byRedrivePolicy(env, connection));
  const queue = checked(() => createDeadLetterQueue({ queueUrl, ...connection, logger }));
  return { ...queue, queueUrl };
}

async function byRedrivePolicy(env: Environment, connection: { readonly region: string }): Promise<string> {
  const url = required(env.WAYBILL_QUEUE, '--dlq', 'WAYBILL_DLQ');
  const sqs = new SQSClient(connection);
  try {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['RedrivePolicy'] }),
    );
    const policy = JSON.parse(Attributes['RedrivePolicy'] ?? '{}') as { deadLetterTargetArn?: string };
    if (policy.deadLetterTargetArn === undefined)
      throw new UsageError(`--dlq: missing, and queue ${url} has no dead-letter queue`);
    const [, , , , account, name] = policy.deadLetterTargetArn.split(':');
    const { QueueUrl } = await sqs.send(
      new GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account }),
    );
    return QueueUrl ?? '';
  } finally {
    sqs.destroy();
  }
}
