/**
 * What S3 says of a version that is not there. A delete marker answers MethodNotAllowed; InvalidArgument is a
 * version id that this bucket can never have had (key and version are all that the call names).
 * NoSuchBucket is not among them: that is a configuration gone wrong, not a payload gone.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
 */
export const MISSING: ReadonlySet<string> = new Set([
  'NoSuchKey',
  'NoSuchVersion',
  'MethodNotAllowed',
  'InvalidArgument',
]);
