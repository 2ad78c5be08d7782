import { AwsError } from '../aws-error.ts';
import { evaluate } from '../policy.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import type { ShippingContext } from './shipping.ts';

/**
 * Whether EventBridge may deliver to a queue for a rule, by the queue's policy. A queue without one takes everything,
 * which on AWS it would not: a stack whose policies are not described shall work all the same.
 * @throws {AwsError} 403 if the queue's policy does not allow it
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
 */
export function requireDelivery(
  queueArn: string,
  ruleArn: string,
  { queues, clock }: Pick<ShippingContext, 'queues' | 'clock'>,
): void {
  const resourceStatements = queues.policyOf(queueArn);
  if (resourceStatements === undefined) return;
  const { decision } = evaluate({
    principal: { type: 'Service', service: 'events.amazonaws.com' },
    action: 'sqs:SendMessage',
    resource: queueArn,
    resourceAccount: LOCAL_ACCOUNT_ID,
    identityStatements: [],
    resourceStatements,
    context: {
      'aws:SourceArn': ruleArn,
      'aws:SourceAccount': LOCAL_ACCOUNT_ID,
      'aws:SecureTransport': 'true',
      'aws:PrincipalIsAWSService': 'true',
      'aws:CurrentTime': new Date(clock.nowMs()).toISOString(),
    },
  });
  if (decision !== 'Allow')
    throw new AwsError('AccessDenied', `Access to the resource ${queueArn} is denied.`, 403);
}
