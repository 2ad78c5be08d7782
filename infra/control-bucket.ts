import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { tlsOnly } from '../shared/payload-policy.ts';
import type { AccessLogs } from './access-logs.ts';
import { allow } from './allow.ts';

export interface ControlBucketProps {
  /** @default - CloudFormation makes one up */
  readonly bucketName?: string;
  /** @default - SSE-S3 */
  readonly encryptionKey?: kms.IKey;
  /** Where access logs go, under `control/`. */
  readonly accessLogs: AccessLogs;
  /** Days that idempotency records are kept; longer than any message can come back. @default 45 */
  readonly idempotencyDays?: number;
  /** Days that the ledger of published events is kept: how far back a replay can reach. @default 400 */
  readonly ledgerDays?: number;
  /** Days that a replaced or removed record can be brought back. @default 7 */
  readonly noncurrentDays?: number;
}

/** What a role may do with the records under its prefixes. */
export type RecordRight = 'read' | 'create' | 'write';

/** Records that a role may reach. */
export interface RecordGrant {
  /** Letters and digits. */
  readonly sid: string;
  readonly right: RecordRight;
  /** `outbox/scanner/` */
  readonly prefixes: readonly string[];
  /** What the role does with them. */
  readonly because: string;
  /** Names of other roles' records stay hidden; a record that is not there is then 403. @default false */
  readonly confined?: boolean;
}

const ACTIONS: Readonly<Record<RecordRight, readonly string[]>> = {
  read: ['s3:GetObject'],
  create: ['s3:GetObject', 's3:PutObject'],
  write: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
};

/**
 * The bucket of records: intents, outbox, ledger, idempotency, audit, replays, public keys; never a payload.
 * Each role reaches its own prefixes only. Kept when the stack is deleted.
 *
 * Cost: about $5 per million records written, $0.40 per million read.
 */
export class ControlBucket extends Construct {
  readonly bucket: s3.Bucket;
  readonly #key: kms.IKey | undefined;

  constructor(scope: Construct, id: string, props: ControlBucketProps) {
    super(scope, id);
    const { bucketName, encryptionKey, idempotencyDays = 45, ledgerDays = 400, noncurrentDays = 7 } = props;
    this.#key = encryptionKey;
    this.bucket = new s3.Bucket(this, 'Bucket', {
      ...(bucketName === undefined ? {} : { bucketName }),
      versioned: true,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      ...(encryptionKey === undefined
        ? { encryption: s3.BucketEncryption.S3_MANAGED }
        : { encryption: s3.BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }),
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        { id: 'expire-idempotency', prefix: 'idempotency/', expiration: Duration.days(idempotencyDays) },
        { id: 'expire-ledger', prefix: 'ledger/', expiration: Duration.days(ledgerDays) },
        {
          id: 'tidy',
          noncurrentVersionExpiration: Duration.days(noncurrentDays),
          abortIncompleteMultipartUploadAfter: Duration.days(7),
        },
        { id: 'tidy-markers', expiredObjectDeleteMarker: true },
      ],
    });
    props.accessLogs.logAccessTo(this.bucket, 'control/');
    for (const statement of tlsOnly(this.bucket.bucketArn))
      this.bucket.addToResourcePolicy(iam.PolicyStatement.fromJson(statement));
  }

  /**
   * Lets a role reach the records under some prefixes, and list them. Unless it is `confined`, the role gets 404 for a
   * record that is not there, since without the right to list S3 answers 403; the price is that it may list names, but
   * not read records, of the whole bucket. Who creates before it reads needs no 404.
   */
  grant(role: iam.IRole, grant: RecordGrant): void {
    const { bucket } = this;
    const { sid, right, prefixes, because, confined = false } = grant;
    const objects = prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`));
    allow(role, { sid, actions: ACTIONS[right], resources: objects, because });
    allow(role, {
      sid: `${sid}List`,
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: {
        [confined ? 'StringLike' : 'StringLikeIfExists']: {
          's3:prefix': prefixes.map((prefix) => `${prefix}*`),
        },
      },
    });
    allowKey(
      role,
      this.#key,
      bucket,
      right === 'read' ? ['kms:Decrypt'] : ['kms:Decrypt', 'kms:GenerateDataKey'],
    );
  }

  /** Lets a role decrypt what it may read, if the bucket has a key of its own. */
  allowDecrypt(role: iam.IRole): void {
    allowKey(role, this.#key, this.bucket, ['kms:Decrypt']);
  }
}

/** Lets a role use a bucket's key, through S3 and for that bucket only. With a bucket key the context is the bucket. */
export function allowKey(
  role: iam.IRole,
  key: kms.IKey | undefined,
  bucket: s3.Bucket,
  actions: readonly ('kms:Decrypt' | 'kms:GenerateDataKey')[],
): void {
  if (key === undefined) return;
  allow(role, {
    actions,
    resources: [key.keyArn],
    conditions: { StringEquals: { 'kms:EncryptionContext:aws:s3:arn': bucket.bucketArn } },
  });
}
