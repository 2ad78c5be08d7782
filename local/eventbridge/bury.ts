import { AwsError } from '../aws-error.ts';
import { requireDelivery } from './delivery-access.ts';
import { ruleArn } from './rule-actions.ts';
import type { Failure, Parcel, ShippingContext } from './shipping.ts';
import { queueOfArn } from './target-actions.ts';

/** Which limit of the retry policy ended the retries. */
export type ExhaustedCondition = 'MaximumRetryAttempts' | 'MaximumEventAgeInSeconds';

/** What a parcel went through before it was given up. */
export interface Exhausted {
  /** Tries after the first. */
  readonly retryAttempts: number;
  /** Absent if the failure was not to be retried. */
  readonly condition?: ExhaustedCondition;
}

/**
 * Puts an event that could not be delivered, as the bus got it, into its target's dead-letter queue; without one it
 * is dropped with a warning.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
 */
export async function bury(
  { rule, bus, target, event }: Parcel,
  { code, message }: Failure,
  context: ShippingContext,
  { retryAttempts, condition }: Exhausted = { retryAttempts: 0 },
): Promise<void> {
  const { queues, region, logger } = context;
  const deadLetterArn = target.DeadLetterConfig?.Arn ?? '';
  const queue = queueOfArn(deadLetterArn, region);
  const fields = { rule: rule.name, bus, targetArn: target.Arn, errorCode: code, errorMessage: message };
  if (queue === undefined) {
    logger.warn(fields, 'event dropped: its target did not take it, and has no dead-letter queue');
    return;
  }
  const attributes = {
    RULE_ARN: ruleArn(region, bus, rule.name),
    TARGET_ARN: target.Arn,
    ERROR_CODE: code,
    ERROR_MESSAGE: message,
    RETRY_ATTEMPTS: String(retryAttempts),
    ...(condition === undefined ? {} : { EXHAUSTED_RETRY_CONDITION: condition }),
  };
  try {
    requireDelivery(deadLetterArn, attributes.RULE_ARN, context);
    await queues.call('SendMessage', {
      QueueUrl: queues.queueUrl(queue),
      MessageBody: JSON.stringify(event),
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
      ),
    });
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    logger.warn({ ...fields, deadLetterQueue: queue }, 'event dropped: its dead-letter queue refused it too');
  }
}
