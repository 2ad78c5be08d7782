import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { PAYLOAD_PREFIX } from '../shared/topology.ts';
import { allow } from './allow.ts';
import { allowKey, type ControlBucket } from './control-bucket.ts';
import type { ExchangeBus } from './exchange-bus.ts';
import type { PayloadBucket } from './payload-bucket.ts';

export interface ProducerRoleProps {
  /** The producer's name: `source` of its events, segment of its keys. */
  readonly producer: string;
  /** Event types that it may publish. @default '*' */
  readonly types?: '*' | readonly string[];
  readonly assumedBy: iam.IPrincipal;
  readonly payloads: PayloadBucket;
  readonly control: ControlBucket;
  readonly bus: ExchangeBus;
  /** ARN of the secret with its signing key. @default - it has none here */
  readonly signingKeyArn?: string;
}

/**
 * What a producer may do: write payloads once under its own prefix, read them back (a presigned URL has its signer's
 * rights, and an upload whose answer was lost is looked at), publish in its own name, keep its records.
 *
 * Cost: none.
 */
export class ProducerRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: ProducerRoleProps) {
    super(scope, id);
    const { producer, types = '*', payloads, control, bus } = props;
    this.role = new iam.Role(this, 'Role', {
      assumedBy: props.assumedBy,
      description: `Publishes as ${producer}.`,
    });
    const own = payloads.objectsUnder(`${PAYLOAD_PREFIX}${producer}/`);
    allow(this.role, {
      sid: 'Upload',
      actions: ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      resources: [own],
      because: "Keys of payloads hold the event's id; the prefix is the producer's own.",
    });
    allow(this.role, {
      sid: 'ReadBack',
      actions: ['s3:GetObject', 's3:GetObjectVersion'],
      resources: [own],
      because: 'The URLs it signs have its own rights, within its own prefix.',
    });
    allowKey(this.role, payloads.encryptionKey, payloads.bucket, ['kms:Decrypt', 'kms:GenerateDataKey']);
    bus.grantPublish(this.role, producer, types);
    control.grant(this.role, {
      sid: 'Records',
      right: 'write',
      prefixes: [`intents/${producer}/`, `outbox/${producer}/`],
      because: "Names of records hold the event's id; the prefixes are the producer's own.",
    });
    control.grant(this.role, {
      sid: 'Ledger',
      right: 'create',
      prefixes: [`ledger/*/${producer}/`],
      because: 'The ledger is by day and hour, and below by producer: `ledger/2026-11-01/13/<producer>/`.',
    });
    if (props.signingKeyArn !== undefined) {
      allow(this.role, {
        sid: 'SigningKey',
        actions: ['secretsmanager:GetSecretValue'],
        resources: [props.signingKeyArn],
      });
    }
  }
}
