import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { MAX_QUEUE_RETENTION_DAYS } from '../shared/topology.ts';
import { acknowledge } from './acknowledge.ts';

export interface DeliveredQueueProps {
  /** @default - the account's default bus */
  readonly busName?: string;
  readonly pattern: Readonly<Record<string, unknown>>;
  readonly description: string;
  readonly visibilityTimeoutSeconds: number;
  readonly retentionDays: number;
  readonly maxReceiveCount: number;
  /** Names of what is made. @default - CloudFormation makes them up */
  readonly names?:
    | {
        readonly queue: string;
        readonly deadLetterQueue: string;
        readonly targetDeadLetterQueue: string;
        readonly rule: string;
      }
    | undefined;
}

/** A queue, what fills it, and where goes what cannot be handled or delivered. */
export interface DeliveredQueue {
  readonly queue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;
  /** What EventBridge could not deliver. */
  readonly undeliveredQueue: sqs.Queue;
  readonly rule: events.CfnRule;
}

/** How long EventBridge tries to deliver: its maximum. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html */
const DELIVERY = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 };

/** Makes a queue, the rule that fills it, and its two dead-letter queues; all encrypted by SQS, none takes plain HTTP. */
export function deliveredQueue(scope: Construct, props: DeliveredQueueProps): DeliveredQueue {
  const { names } = props;
  const common = { encryption: sqs.QueueEncryption.SQS_MANAGED, enforceSSL: true } as const;
  const last = { ...common, retentionPeriod: Duration.days(MAX_QUEUE_RETENTION_DAYS) };
  const deadLetterQueue = new sqs.Queue(scope, 'DeadLetters', { ...last, ...named(names?.deadLetterQueue) });
  const undeliveredQueue = new sqs.Queue(scope, 'Undelivered', {
    ...last,
    ...named(names?.targetDeadLetterQueue),
    redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.DENY_ALL },
  });
  const queue = new sqs.Queue(scope, 'Queue', {
    ...common,
    ...named(names?.queue),
    retentionPeriod: Duration.days(props.retentionDays),
    visibilityTimeout: Duration.seconds(props.visibilityTimeoutSeconds),
    receiveMessageWaitTime: Duration.seconds(20),
    deadLetterQueue: { queue: deadLetterQueue, maxReceiveCount: props.maxReceiveCount },
  });
  const rule = new events.CfnRule(scope, 'Rule', {
    ...(props.busName === undefined ? {} : { eventBusName: props.busName }),
    ...(names === undefined ? {} : { name: names.rule }),
    description: props.description,
    eventPattern: props.pattern,
    targets: [
      {
        id: 'queue',
        arn: queue.queueArn,
        deadLetterConfig: { arn: undeliveredQueue.queueArn },
        retryPolicy: DELIVERY,
      },
    ],
  });
  for (const filled of [queue, undeliveredQueue]) letRuleSend(rule, filled);
  acknowledge(
    undeliveredQueue,
    'SQS3',
    'It is itself the dead-letter queue of the rule that fills the queue.',
  );
  return { queue, deadLetterQueue, undeliveredQueue, rule };
}

function letRuleSend(rule: events.CfnRule, queue: sqs.Queue): void {
  queue.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'OnlyItsRuleDelivers',
      principals: [new iam.ServicePrincipal('events.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { ArnEquals: { 'aws:SourceArn': rule.attrArn } },
    }),
  );
}

function named(queueName: string | undefined): { readonly queueName?: string } {
  return queueName === undefined ? {} : { queueName };
}
