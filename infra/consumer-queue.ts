import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { consumerRulePattern, type TopologyConsumer } from '../shared/topology.ts';
import { acknowledge } from './acknowledge.ts';
import { allow } from './allow.ts';
import type { ExchangeBus } from './exchange-bus.ts';

export interface ConsumerQueueProps {
  readonly bus: ExchangeBus;
  /** Name, and types or pattern; queue settings have their defaults. */
  readonly consumer: Pick<TopologyConsumer, 'name'> & Partial<TopologyConsumer>;
  /** Names of what is made. @default - CloudFormation makes them up */
  readonly names?: {
    readonly queue: string;
    readonly deadLetterQueue: string;
    readonly targetDeadLetterQueue: string;
    readonly rule: string;
  };
}

/** How long EventBridge tries to deliver: its maximum. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html */
const DELIVERY = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 };

/** Longest that a queue keeps a message, in days. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_RETENTION_DAYS = 14;

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
    const common = { encryption: sqs.QueueEncryption.SQS_MANAGED, enforceSSL: true } as const;
    const last = { ...common, retentionPeriod: Duration.days(MAX_RETENTION_DAYS) };
    this.deadLetterQueue = new sqs.Queue(this, 'DeadLetters', { ...last, ...named(names?.deadLetterQueue) });
    this.undeliveredQueue = new sqs.Queue(this, 'Undelivered', {
      ...last,
      ...named(names?.targetDeadLetterQueue),
      redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.DENY_ALL },
    });
    this.queue = new sqs.Queue(this, 'Queue', {
      ...common,
      ...named(names?.queue),
      retentionPeriod: Duration.days(consumer.retentionDays ?? MAX_RETENTION_DAYS),
      visibilityTimeout: Duration.seconds(this.visibilityTimeoutSeconds),
      receiveMessageWaitTime: Duration.seconds(20),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: consumer.maxReceiveCount ?? 20 },
    });
    this.rule = new events.CfnRule(this, 'Rule', {
      eventBusName: bus.busName,
      ...(names === undefined ? {} : { name: names.rule }),
      description: `Events for ${consumer.name}, and replays for it or for everyone.`,
      eventPattern: consumerRulePattern(consumer),
      targets: [
        {
          id: 'queue',
          arn: this.queue.queueArn,
          deadLetterConfig: { arn: this.undeliveredQueue.queueArn },
          retryPolicy: DELIVERY,
        },
      ],
    });
    for (const queue of [this.queue, this.undeliveredQueue]) this.#letRuleSend(queue);
    acknowledge(
      this.undeliveredQueue,
      'SQS3',
      'It is itself the dead-letter queue of the rule that fills the queue.',
    );
  }

  /** Lets a role take messages, and put aside what cannot be handled. */
  grantConsume(role: iam.IRole): void {
    allow(role, {
      sid: 'Consume',
      actions: [
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:GetQueueAttributes',
      ],
      resources: [this.queue.queueArn],
    });
    allow(role, {
      sid: 'PutAside',
      // Its URL is looked up: the queue names its dead-letter queue by ARN only.
      actions: ['sqs:SendMessage', 'sqs:GetQueueUrl'],
      resources: [this.deadLetterQueue.queueArn],
    });
  }

  #letRuleSend(queue: sqs.Queue): void {
    queue.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'OnlyItsRuleDelivers',
        principals: [new iam.ServicePrincipal('events.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [queue.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': this.rule.attrArn } },
      }),
    );
  }
}

function named(queueName: string | undefined): { readonly queueName?: string } {
  return queueName === undefined ? {} : { queueName };
}
