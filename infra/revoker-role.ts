import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { PAYLOAD_PREFIX, UPLOAD_PREFIX } from '../shared/topology.ts';
import { allow } from './allow.ts';
import type { ControlBucket } from './control-bucket.ts';
import type { PayloadBucket } from './payload-bucket.ts';

export interface RevokerRoleProps {
  readonly assumedBy: iam.IPrincipal;
  readonly payloads: PayloadBucket;
  readonly control: ControlBucket;
}

/**
 * What it takes to revoke a payload, which kills every URL and claim check of it, and to erase it, which deletes every
 * version. The only role that may change tags, and that may delete a version. It cannot read a payload.
 *
 * Cost: none.
 */
export class RevokerRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: RevokerRoleProps) {
    super(scope, id);
    const { payloads, control } = props;
    this.role = new iam.Role(this, 'Role', {
      assumedBy: props.assumedBy,
      description: 'Revokes and erases payloads.',
    });
    const objects = [PAYLOAD_PREFIX, UPLOAD_PREFIX].map((prefix) => payloads.objectsUnder(prefix));
    const because = 'Any payload may have to be revoked or erased.';
    allow(this.role, {
      sid: 'Revoke',
      actions: [
        's3:GetObjectTagging',
        's3:GetObjectVersionTagging',
        's3:PutObjectTagging',
        's3:PutObjectVersionTagging',
        's3:DeleteObjectTagging',
        's3:DeleteObjectVersionTagging',
      ],
      resources: objects,
      because,
    });
    allow(this.role, {
      sid: 'Erase',
      actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
      resources: objects,
      because,
    });
    allow(this.role, {
      sid: 'FindVersions',
      actions: ['s3:ListBucket', 's3:ListBucketVersions'],
      resources: [payloads.bucket.bucketArn],
    });
    payloads.addRevoker(this.role);
    control.grant(this.role, {
      sid: 'Ledger',
      right: 'read',
      prefixes: ['ledger/'],
      because: "It finds an event's payloads in the ledger.",
    });
    control.grant(this.role, {
      sid: 'Audit',
      right: 'create',
      prefixes: ['audit/'],
      because: 'It says what it did, and when.',
    });
  }
}
