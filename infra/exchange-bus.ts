import * as events from 'aws-cdk-lib/aws-events';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { archivePattern } from '../shared/topology.ts';
import { allow } from './allow.ts';

export interface ExchangeBusProps {
  readonly busName: string;
  /** Days that the archive keeps events. @default 30 */
  readonly archiveDays?: number;
}

/**
 * The event bus with its archive, and a policy by which only a producer's own role publishes in its name.
 *
 * Cost: $1.00 per million events of up to 64 KB; archive $0.10 per GB taken in and $0.023 per GB and month.
 */
export class ExchangeBus extends Construct {
  readonly bus: events.CfnEventBus;
  readonly busName: string;
  readonly busArn: string;

  constructor(scope: Construct, id: string, props: ExchangeBusProps) {
    super(scope, id);
    this.bus = new events.CfnEventBus(this, 'Bus', { name: props.busName });
    this.busName = this.bus.ref;
    this.busArn = this.bus.attrArn;
    new events.CfnArchive(this, 'Archive', {
      archiveName: `${props.busName}-archive`,
      sourceArn: this.busArn,
      description: 'Every event once; replays are not archived again.',
      eventPattern: archivePattern,
      retentionDays: props.archiveDays ?? 30,
    });
  }

  /**
   * Lets a role publish as this source, and these types.
   * @param types `*` for all
   */
  grantPublish(role: iam.IRole, source: string, types: '*' | readonly string[]): void {
    allow(role, {
      sid: 'Publish',
      actions: ['events:PutEvents'],
      resources: [this.busArn],
      conditions: {
        StringEquals: {
          'events:source': source,
          ...(types === '*' ? {} : { 'events:detail-type': [...types] }),
        },
      },
    });
  }

  /** Lets a role publish again what any of these sources has published: for the sweeper and for replay. */
  grantRepublish(role: iam.IRole, sources: readonly string[]): void {
    allow(role, {
      sid: 'PublishForOthers',
      actions: ['events:PutEvents'],
      resources: [this.busArn],
      conditions: { StringEquals: { 'events:source': [...sources] } },
    });
  }

  /**
   * Refuses this source to everybody but these roles, administrators included: a policy of the bus, which no other
   * permission outweighs.
   */
  reserveSource(source: string, roles: readonly iam.IRole[]): void {
    const sid = `Only${alphanumeric(source)}`;
    new events.CfnEventBusPolicy(this, sid, {
      eventBusName: this.busName,
      statementId: sid,
      statement: {
        Sid: sid,
        Effect: 'Deny',
        Principal: '*',
        Action: 'events:PutEvents',
        Resource: this.busArn,
        Condition: {
          StringEquals: { 'events:source': source },
          ArnNotEquals: { 'aws:PrincipalArn': roles.map((role) => role.roleArn) },
        },
      },
    });
  }
}

/** A name as statement ids and logical ids may hold it; what is dropped is spelled by its code. */
function alphanumeric(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, (char) => `x${char.charCodeAt(0).toString(16)}`);
}
