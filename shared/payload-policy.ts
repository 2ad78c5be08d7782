import { REVOKED_TAG } from './revoked-tag.ts';
import { PAYLOAD_PREFIX } from './topology.ts';

/** What the policy of a payload bucket depends on. */
export interface PayloadPolicyOptions {
  /** `arn:aws:s3:::<bucket>` */
  readonly bucketArn: string;
  /** Age from which a query-signed request or a form is refused, in seconds; the URL's own life may be shorter. */
  readonly urlMaxAgeSeconds: number;
  /** Roles and users that may change tags: nobody else can revoke, or undo it. */
  readonly revokerArns: readonly string[];
  /** Prefixes where an object is never overwritten. @default ['payloads/'] */
  readonly writeOncePrefixes?: readonly string[];
  /** VPC endpoints through which objects may be read and written. @default - from anywhere */
  readonly sourceVpces?: readonly string[];
  /** CIDR ranges from which objects may be read and written. @default - from anywhere */
  readonly sourceIps?: readonly string[];
}

/** One statement of a bucket policy. */
export interface PayloadPolicyStatement {
  readonly Sid: string;
  readonly Effect: 'Deny';
  readonly Principal: '*';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** A GET that names a version is authorised by the second action alone: whatever refuses reads must name both. */
const READS = ['s3:GetObject', 's3:GetObjectVersion'] as const;

const TAG_CHANGES = [
  's3:PutObjectTagging',
  's3:PutObjectVersionTagging',
  's3:DeleteObjectTagging',
  's3:DeleteObjectVersionTagging',
] as const;

/**
 * The policy of a payload bucket, as data: on AWS the CDK stack attaches it, on one machine the embedded stack
 * evaluates the very same. It allows nothing; it takes away what no role may do:
 *
 * - anything over plain HTTP or a TLS below 1.2;
 * - anything by a query signature or a form older than `urlMaxAgeSeconds`. Header signatures are not touched;
 * - reading what carries the revoked tag, with or without a version id;
 * - changing tags, but for the revokers;
 * - creating an object under a write-once prefix without `If-None-Match`. Parts of a multipart upload pass, since only
 *   its completion creates the object;
 * - reading and writing from elsewhere than the sources given, if some are.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
 */
export function payloadBucketPolicy(options: PayloadPolicyOptions): {
  readonly Version: '2012-10-17';
  readonly Statement: readonly PayloadPolicyStatement[];
} {
  const { bucketArn, urlMaxAgeSeconds, revokerArns, writeOncePrefixes = [PAYLOAD_PREFIX] } = options;
  const objects = `${bucketArn}/*`;
  const deny = (
    Sid: string,
    Action: PayloadPolicyStatement['Action'],
    Resource: PayloadPolicyStatement['Resource'],
    Condition: PayloadPolicyStatement['Condition'],
  ): PayloadPolicyStatement => ({ Sid, Effect: 'Deny', Principal: '*', Action, Resource, Condition });
  return {
    Version: '2012-10-17',
    Statement: [
      ...tlsOnly(bucketArn),
      deny('RefuseOldSignatures', 's3:*', objects, {
        NumericGreaterThan: { 's3:signatureAge': String(urlMaxAgeSeconds * 1000) },
        StringEquals: { 's3:authType': ['REST-QUERY-STRING', 'POST'] },
      }),
      deny('RefuseRevoked', READS, objects, { Null: { [`s3:ExistingObjectTag/${REVOKED_TAG}`]: 'false' } }),
      deny('OnlyRevokersTag', TAG_CHANGES, objects, { ArnNotEquals: { 'aws:PrincipalArn': revokerArns } }),
      deny(
        'WriteOnce',
        's3:PutObject',
        writeOncePrefixes.map((prefix) => `${bucketArn}/${prefix}*`),
        { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
      ),
      ...fromSources(options).map((condition) =>
        deny('OnlyFromSources', [...READS, 's3:PutObject'], objects, condition),
      ),
    ],
  };
}

/** Refuses plain HTTP, and TLS below 1.2, on a bucket and all that is in it. */
export function tlsOnly(bucketArn: string): readonly PayloadPolicyStatement[] {
  const all = {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: [bucketArn, `${bucketArn}/*`],
  } as const;
  return [
    { Sid: 'RefusePlainHttp', ...all, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
    { Sid: 'RefuseOldTls', ...all, Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } } },
  ];
}

/** One condition that holds if the request comes from none of the sources. AWS services acting for a caller pass. */
function fromSources(options: PayloadPolicyOptions): readonly PayloadPolicyStatement['Condition'][] {
  const { sourceVpces = [], sourceIps = [] } = options;
  if (sourceVpces.length === 0 && sourceIps.length === 0) return [];
  return [
    {
      ...(sourceVpces.length === 0 ? {} : { StringNotEquals: { 'aws:SourceVpce': sourceVpces } }),
      ...(sourceIps.length === 0 ? {} : { NotIpAddress: { 'aws:SourceIp': sourceIps } }),
      Bool: { 'aws:ViaAWSService': 'false' },
    },
  ];
}
