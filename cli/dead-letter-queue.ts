import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createDeadLetterQueue, type DeadLetterQueue } from '../producers/index.ts';
import { httpUrl } from '../shared/options.ts';
import type { Logger } from '../shared/logger.ts';
import { regionOf, required, type Environment } from './environment.ts';
import { checked, UsageError } from './errors.ts';

/**
 * Opens the dead-letter queue that a flag or `WAYBILL_DLQ` names, or else that of `WAYBILL_QUEUE`.
 * @throws {UsageError} when neither says which, or there is no such queue
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
  const named = flags.dlq ?? env.WAYBILL_DLQ;
  const sqs = new SQSClient(connection);
  try {
    const queueUrl = named ?? (await byRedrivePolicy(env, sqs));
    if (named !== undefined) await redrivePolicyOf(sqs, '--dlq (WAYBILL_DLQ)', named);
    return { ...checked(() => createDeadLetterQueue({ queueUrl, ...connection, logger })), queueUrl };
  } finally {
    sqs.destroy();
  }
}

async function byRedrivePolicy(env: Environment, sqs: SQSClient): Promise<string> {
  const url = required(env.WAYBILL_QUEUE, '--dlq', 'WAYBILL_DLQ');
  const policy = JSON.parse(await redrivePolicyOf(sqs, 'WAYBILL_QUEUE', url)) as {
    deadLetterTargetArn?: string;
  };
  if (policy.deadLetterTargetArn === undefined)
    throw new UsageError(`--dlq: missing, and queue ${url} has no dead-letter queue`);
  const [, , , , account, name] = policy.deadLetterTargetArn.split(':');
  const { QueueUrl } = await sqs.send(
    new GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account }),
  );
  return QueueUrl ?? '';
}

/** @throws {UsageError} naming who named a queue that is not there */
async function redrivePolicyOf(sqs: SQSClient, what: string, url: string): Promise<string> {
  checked(() => httpUrl(what, url));
  try {
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['RedrivePolicy'] }),
    );
    return Attributes?.['RedrivePolicy'] ?? '{}';
  } catch (error) {
    if (!(error instanceof Error) || !/^(QueueDoesNotExist|InvalidAddress)$/.test(error.name)) throw error;
    throw new UsageError(`${what}: there is no queue ${url}`, { cause: error });
  }
}
