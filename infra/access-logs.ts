import { Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { PRIVATE_BUCKET } from './private-bucket.ts';

export interface AccessLogsProps {
  /** Days that logs are kept. @default 90 */
  readonly retentionDays?: number;
}

/**
 * The bucket for S3's access logs. They tell which URL was used, by whom it was asked for (`x-waybill-caller`) and
 * when. Kept when the stack is deleted.
 *
 * Cost: storage, about 500 bytes a request; delivery is free.
 */
export class AccessLogs extends Construct {
  readonly bucket: s3.Bucket;

  constructor(scope: Construct, id: string, props: AccessLogsProps = {}) {
    super(scope, id);
    this.bucket = new s3.Bucket(this, 'Bucket', {
      ...PRIVATE_BUCKET,
      lifecycleRules: [
        {
          id: 'expire',
          expiration: Duration.days(props.retentionDays ?? 90),
          abortIncompleteMultipartUploadAfter: Duration.days(7),
        },
      ],
    });
    acknowledge(
      this.bucket,
      'S1',
      'This bucket holds access logs; logging its own access would feed itself.',
    );
  }

  /**
   * Keeps the logs of a bucket, under a prefix. By the property of the resource: what CDK's own property does depends on
   * feature flags of the app.
   */
  logAccessTo(source: s3.Bucket, prefix: string): void {
    (source.node.defaultChild as s3.CfnBucket).loggingConfiguration = {
      destinationBucketName: this.bucket.bucketName,
      logFilePrefix: prefix,
    };
    this.bucket.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: `LogsOf${prefix.replaceAll(/[^A-Za-z0-9]/g, '')}`,
        principals: [new iam.ServicePrincipal('logging.s3.amazonaws.com')],
        actions: ['s3:PutObject'],
        resources: [this.bucket.arnForObjects(`${prefix}*`)],
        conditions: {
          ArnLike: { 'aws:SourceArn': source.bucketArn },
          StringEquals: { 'aws:SourceAccount': Stack.of(this).account },
        },
      }),
    );
  }
}
