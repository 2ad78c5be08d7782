import { MalformedPolicyError, readPolicy } from '../policy.ts';
import type { Statement } from '../policy.ts';
import { S3Error } from './errors.ts';
import { actionLevel } from './action-levels.ts';
import type { BucketRecord } from './store/records.ts';
import type { Store } from './store/store.ts';

/**
 * Largest bucket policy, in bytes.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
 */
const MAX_POLICY_BYTES = 20 * 1024;

const compiled = new WeakMap<BucketRecord, readonly Statement[]>();

/** The statements of a bucket's policy; undefined if there is no policy, or no bucket. */
export function bucketPolicyOf(
  store: Store,
  bucketName: string | undefined,
): readonly Statement[] | undefined {
  if (bucketName === undefined || !store.hasBucket(bucketName)) return undefined;
  const { record } = store.bucket(bucketName);
  if (record.policy === undefined) return undefined;
  const known = compiled.get(record);
  if (known !== undefined) return known;
  const statements = readPolicy(JSON.parse(record.policy), 'resource');
  compiled.set(record, statements);
  return statements;
}

/**
 * Checks the text of a policy for this bucket.
 * @throws {S3Error} MalformedPolicy
 */
export function checkBucketPolicy(text: string, bucketName: string): readonly Statement[] {
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES)
    throw malformed('Policy exceeds the maximum allowed document size.');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw malformed("Policies must be valid JSON and the first byte must be '{'");
  }
  let statements: readonly Statement[];
  try {
    statements = readPolicy(document, 'resource');
  } catch (error) {
    if (error instanceof MalformedPolicyError) throw malformed(error.message);
    throw error;
  }
  for (const statement of statements) checkStatement(statement, bucketName);
  return statements;
}

function checkStatement({ actions, resources }: Statement, bucketName: string): void {
  const foreign = actions.patterns.find((action) => action !== '*' && !/^s3:/i.test(action));
  if (foreign !== undefined) throw malformed('Policy has invalid action');
  const arns = [`arn:aws:s3:::${bucketName}`, `arn:aws:s3:::${bucketName}/`] as const;
  for (const resource of resources.patterns) {
    if (resource === arns[0] || resource.startsWith(arns[1])) continue;
    if (resource !== `${arns[0]}*` && resource !== '*') throw malformed('Policy has invalid resource');
  }
  if (actions.not || resources.not) return;
  const onBucket = resources.patterns.some((resource) => !resource.startsWith(arns[1]));
  const onObjects = resources.patterns.some((resource) => resource !== arns[0]);
  for (const action of actions.patterns) {
    const level = actionLevel(action);
    if ((level === 'bucket' && !onBucket) || (level === 'object' && !onObjects))
      throw malformed('Action does not apply to any resource(s) in statement');
  }
}

function malformed(message: string): S3Error {
  return new S3Error('MalformedPolicy', {}, { message });
}
