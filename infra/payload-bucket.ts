import { Duration, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { payloadBucketPolicy } from '../shared/payload-policy.ts';
import { minimumRetainDays } from '../shared/retention.ts';
import { PAYLOAD_PREFIX, UPLOAD_PREFIX } from '../shared/topology.ts';
import type { AccessLogs } from './access-logs.ts';

export interface PayloadBucketProps {
  /** @default - CloudFormation makes one up */
  readonly bucketName?: string;
  /** Key that encrypts objects; every role then needs it too. @default - SSE-S3 */
  readonly encryptionKey?: kms.IKey;
  /** Days after which a payload is removed: no less than any producer's `retainDays`. @default 73 */
  readonly payloadDays?: number;
  /** Days that a version stays after it was overwritten or deleted, or has expired. @default - as `payloadDays` */
  readonly noncurrentDays?: number;
  /** Days after which an unfinished multipart upload is aborted. @default 7 */
  readonly unfinishedUploadDays?: number;
  /** Age from which URLs and forms are refused, whatever they say themselves, in seconds. @default 3600 */
  readonly urlMaxAgeSeconds?: number;
  /** Write-once prefixes beside `payloads/`. @default - none */
  readonly writeOncePrefixes?: readonly string[];
  /** Origins whose pages may upload and download. @default - none: no CORS */
  readonly origins?: readonly string[];
  /** VPC endpoints, if objects shall be reached through those only. @default - from anywhere */
  readonly sourceVpces?: readonly string[];
  /** CIDR ranges, if objects shall be reached from those only. @default - from anywhere */
  readonly sourceIps?: readonly string[];
  /** Where access logs go, under `payloads/`. */
  readonly accessLogs: AccessLogs;
  /** Tell EventBridge's default bus of every new object; browser uploads need it. @default false */
  readonly announceObjects?: boolean;
}

/** Id of the filter of S3's request metrics: payloads only. */
export const REQUEST_METRICS_ID = 'payloads';

/** Headers of S3's answers that a page must be able to read to verify and to resume. */
const EXPOSED_HEADERS = [
  'ETag',
  'Content-Range',
  'Accept-Ranges',
  'x-amz-version-id',
  'x-amz-checksum-crc32',
  'x-amz-checksum-crc32c',
  'x-amz-checksum-crc64nvme',
  'x-amz-checksum-sha256',
  'x-amz-checksum-type',
];

/**
 * The bucket of the payloads: private, versioned, encrypted, owner-enforced, with the policy of
 * `shared/payload-policy.ts`: TLS only, capped URL age, write-once, revocable. Kept when the stack is deleted.
 *
 * Cost: storage and requests; request metrics, which the alarms read, about $5 a month.
 */
export class PayloadBucket extends Construct {
  readonly bucket: s3.Bucket;
  readonly encryptionKey: kms.IKey | undefined;
  readonly #revokers: string[] = [];

  constructor(scope: Construct, id: string, props: PayloadBucketProps) {
    super(scope, id);
    const {
      bucketName,
      encryptionKey,
      origins = [],
      payloadDays = minimumRetainDays(),
      noncurrentDays = payloadDays,
    } = props;
    this.encryptionKey = encryptionKey;
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
        ...[PAYLOAD_PREFIX, UPLOAD_PREFIX].map((prefix) => ({
          id: `expire-${prefix.slice(0, -1)}`,
          prefix,
          expiration: Duration.days(payloadDays),
          noncurrentVersionExpiration: Duration.days(noncurrentDays),
        })),
        { id: 'tidy', expiredObjectDeleteMarker: true },
        {
          id: 'abort-unfinished-uploads',
          abortIncompleteMultipartUploadAfter: Duration.days(props.unfinishedUploadDays ?? 7),
        },
      ],
      metrics: [{ id: REQUEST_METRICS_ID, prefix: PAYLOAD_PREFIX }],
      ...(origins.length === 0 ? {} : { cors: [corsRule('pages', origins)] }),
    });
    props.accessLogs.logAccessTo(this.bucket, 'payloads/');
    if (props.announceObjects === true) announce(this.bucket);
    const { Statement } = payloadBucketPolicy({
      bucketArn: this.bucket.bucketArn,
      urlMaxAgeSeconds: props.urlMaxAgeSeconds ?? 3_600,
      revokerArns: Lazy.list({ produce: () => this.#revokerArns() }),
      writeOncePrefixes: [PAYLOAD_PREFIX, ...(props.writeOncePrefixes ?? [])],
      ...(props.sourceVpces === undefined ? {} : { sourceVpces: props.sourceVpces }),
      ...(props.sourceIps === undefined ? {} : { sourceIps: props.sourceIps }),
    });
    for (const statement of Statement)
      this.bucket.addToResourcePolicy(iam.PolicyStatement.fromJson(statement));
  }

  /** ARN of the objects under a prefix, for policies. */
  objectsUnder(prefix: string): string {
    return this.bucket.arnForObjects(`${prefix}*`);
  }

  /** Lets the pages of one more origin upload and download. */
  allowOrigin(origin: string): void {
    this.bucket.addCorsRule(corsRule('upload-page', [origin]));
  }

  /** Lets a role change tags, which nobody else can. */
  addRevoker(role: iam.IRole): void {
    this.#revokers.push(role.roleArn);
  }

  /** Without a revoker nobody can revoke: an ARN that is nobody's keeps the condition well formed. */
  #revokerArns(): string[] {
    const { partition } = Stack.of(this);
    return this.#revokers.length > 0 ? this.#revokers : [`arn:${partition}:iam::000000000000:role/nobody`];
  }
}

function corsRule(id: string, origins: readonly string[]): s3.CorsRule {
  return {
    id,
    allowedOrigins: [...origins],
    allowedMethods: [s3.HttpMethods.GET, s3.HttpMethods.HEAD, s3.HttpMethods.PUT, s3.HttpMethods.POST],
    allowedHeaders: ['*'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 3_600,
  };
}

/** By the property of the resource: CDK's `eventBridgeEnabled` deploys a function of its own for it. */
function announce(bucket: s3.Bucket): void {
  const resource = bucket.node.defaultChild as s3.CfnBucket;
  resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
}
