import type * as events from 'aws-cdk-lib/aws-events';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { consumerRulePattern, MAX_QUEUE_RETENTION_DAYS, type TopologyConsumer } from '../shared/topology.ts';
import { allow } from './allow.ts';
import { deliveredQueue, type DeliveredQueueProps } from './delivered-queue.ts';
import type { ExchangeBus } from './exchange-bus.ts';

export interface ConsumerQueueProps {
  readonly bus: ExchangeBus;
  /** Name, and types or pattern; queue settings have their defaults. */
  readonly consumer: Pick<TopologyConsumer, 'name'> & Partial<TopologyConsumer>;
  /** Names of what is made. @default - CloudFormation makes them up */
  readonly names?: NonNullable<DeliveredQueueProps['names']>;
}

/**
 * One consumer's queue, the rule that fills it, and two dead-letter queues: one for what could not be handled, one for
 * what EventBridge could not deliver. All are encrypted by SQS and refuse plain HTTP.
 *
 * Cost: $0.40 per million requests; about $0.5 to $1.2 per million events.
 */
export class ConsumerQueue extends Construct {
  readonly consumer: string;
  readonly queue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;
  /** What EventBridge could not deliver. */
  readonly undeliveredQueue: sqs.Queue;
  readonly rule: events.CfnRule;
  readonly visibilityTimeoutSeconds: number;

  constructor(scope: Construct, id: string, props: ConsumerQueueProps) {
    super(scope, id);
    const { bus, consumer, names } = props;
    this.consumer = consumer.name;
    this.visibilityTimeoutSeconds = consumer.visibilityTimeoutSeconds ?? 60;
    const made = deliveredQueue(this, {
      busName: bus.busName,
      pattern: consumerRulePattern(consumer),
      description: `Events for ${consumer.name}, and replays for it or for everyone.`,
      visibilityTimeoutSeconds: this.visibilityTimeoutSeconds,
      retentionDays: consumer.retentionDays ?? MAX_QUEUE_RETENTION_DAYS,
      maxReceiveCount: consumer.maxReceiveCount ?? 20,
      names,
    });
    this.queue = made.queue;
    this.deadLetterQueue = made.deadLetterQueue;
    this.undeliveredQueue = made.undeliveredQueue;
    this.rule = made.rule;
  }

  /** Lets a role take messages, and put aside what cannot be handled. */
  grantConsume(role: iam.IRole): void {
    allowReceive(role, this.queue);
    allow(role, {
      sid: 'PutAside',
      // Its URL is looked up: the queue names its dead-letter queue by ARN only.
      actions: ['sqs:SendMessage', 'sqs:GetQueueUrl'],
      resources: [this.deadLetterQueue.queueArn],
    });
  }
}

/** Lets a role take messages from a queue. */
export function allowReceive(role: iam.IRole, queue: sqs.IQueue): void {
  allow(role, {
    sid: 'Consume',
    actions: [
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:ChangeMessageVisibility',
      'sqs:GetQueueAttributes',
    ],
    resources: [queue.queueArn],
  });
}
