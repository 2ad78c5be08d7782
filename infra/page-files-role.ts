import { RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { allow } from './allow.ts';
import { retentionOf } from './function.ts';

export interface PageFilesRoleProps {
  /** The page's. */
  readonly bucket: s3.IBucket;
  /** CDK's own, where what is deployed comes from. */
  readonly assets: s3.IBucket;
  /** Days that its log is kept. */
  readonly logDays: number;
}

/**
 * What CDK's `BucketDeployment` may do here: it would take rather more by itself (`s3:GetObject*`, `s3:DeleteObject*`,
 * a managed policy).
 */
export class PageFilesRole extends Construct {
  readonly role: iam.Role;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, { bucket, assets, logDays }: PageFilesRoleProps) {
    super(scope, id);
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      retention: retentionOf(logDays),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: "Waybill: puts the page's files into their bucket.",
    });
    allow(this.role, {
      sid: 'Log',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [this.logGroup.logGroupArn],
      because: 'Streams of its own log group.',
    });
    allow(this.role, {
      sid: 'Assets',
      actions: ['s3:GetObject'],
      resources: [assets.arnForObjects('*')],
      because: 'What CDK uploads for a deployment is named by hashes.',
    });
    allow(this.role, {
      sid: 'Files',
      actions: ['s3:PutObject'],
      resources: [bucket.arnForObjects('*')],
      because: 'All files of the page, and nothing else, are in this bucket.',
    });
    allow(this.role, { sid: 'Compare', actions: ['s3:ListBucket'], resources: [bucket.bucketArn] });
  }
}
