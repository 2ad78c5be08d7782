/*
 * What the actions of this S3 apply to.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-actions-as-permissions
 */
const BUCKET_ACTIONS: ReadonlySet<string> = new Set(
  [
    'CreateBucket',
    'DeleteBucket',
    'ListBucket',
    'ListBucketVersions',
    'ListBucketMultipartUploads',
    'GetBucketLocation',
    'GetBucketVersioning',
    'PutBucketVersioning',
    'GetBucketPolicy',
    'PutBucketPolicy',
    'DeleteBucketPolicy',
    'GetBucketPolicyStatus',
    'GetBucketCORS',
    'PutBucketCORS',
    'GetLifecycleConfiguration',
    'PutLifecycleConfiguration',
  ].map((name) => `s3:${name}`.toLowerCase()),
);

const OBJECT_ACTIONS: ReadonlySet<string> = new Set(
  [
    'GetObject',
    'GetObjectVersion',
    'GetObjectAttributes',
    'GetObjectVersionAttributes',
    'GetObjectTagging',
    'GetObjectVersionTagging',
    'PutObjectTagging',
    'PutObjectVersionTagging',
    'DeleteObjectTagging',
    'DeleteObjectVersionTagging',
    'PutObject',
    'DeleteObject',
    'DeleteObjectVersion',
    'AbortMultipartUpload',
    'ListMultipartUploadParts',
  ].map((name) => `s3:${name}`.toLowerCase()),
);

/** Whether an action is about a bucket or an object; undefined for wildcards and actions not known here. */
export function actionLevel(action: string): 'bucket' | 'object' | undefined {
  const name = action.toLowerCase();
  if (BUCKET_ACTIONS.has(name)) return 'bucket';
  return OBJECT_ACTIONS.has(name) ? 'object' : undefined;
}
