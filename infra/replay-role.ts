import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { allow } from './allow.ts';
import type { ConsumerQueue } from './consumer-queue.ts';
import type { ControlBucket } from './control-bucket.ts';
import type { ExchangeBus } from './exchange-bus.ts';

export interface ReplayRoleProps {
  readonly assumedBy: iam.IPrincipal;
  readonly bus: ExchangeBus;
  readonly control: ControlBucket;
  /** Producers whose events may be replayed. */
  readonly sources: readonly string[];
  /** Queues whose dead letters may be looked at and moved back. */
  readonly queues: readonly ConsumerQueue[];
}

/**
 * What an operator needs for replay (publish again from the ledger) and redrive (dead letters back to their queue).
 * It reads no payload, and cannot delete from a queue that works.
 *
 * Cost: none.
 */
export class ReplayRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: ReplayRoleProps) {
    super(scope, id);
    const { bus, control, sources, queues } = props;
    this.role = new iam.Role(this, 'Role', {
      assumedBy: props.assumedBy,
      description: 'Replays events and redrives dead letters.',
    });
    bus.grantRepublish(this.role, sources);
    control.grant(this.role, {
      sid: 'Ledger',
      right: 'read',
      prefixes: ['ledger/', 'idempotency/'],
      because: 'It looks for what was published in a span of time, and what was handled.',
    });
    control.grant(this.role, {
      sid: 'Replays',
      right: 'write',
      prefixes: ['replays/', 'audit/'],
      because: 'It keeps the state of a replay by its id, and says what it did.',
    });
    allow(this.role, {
      sid: 'DeadLetters',
      actions: [
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:GetQueueAttributes',
      ],
      resources: queues.flatMap(({ deadLetterQueue, undeliveredQueue }) => [
        deadLetterQueue.queueArn,
        undeliveredQueue.queueArn,
      ]),
    });
    allow(this.role, {
      sid: 'Redrive',
      actions: ['sqs:StartMessageMoveTask', 'sqs:ListMessageMoveTasks', 'sqs:CancelMessageMoveTask'],
      resources: queues.map(({ deadLetterQueue }) => deadLetterQueue.queueArn),
    });
    allow(this.role, {
      sid: 'IntoQueues',
      actions: ['sqs:SendMessage', 'sqs:GetQueueAttributes'],
      resources: queues.map(({ queue }) => queue.queueArn),
    });
  }
}
