import { receiveText } from '../body.ts';
import { checkBucketPolicy, bucketPolicyOf } from '../bucket-policy.ts';
import { S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { isPublicPolicy } from '../public-policy.ts';

/** PutBucketPolicy: checked, then kept as it came. */
export async function putBucketPolicy(exchange: Exchange): Promise<void> {
  const { bucket } = exchange;
  const text = await receiveText(exchange);
  checkBucketPolicy(text, bucket.name);
  await bucket.configure({ policy: text });
  exchange.sendEmpty(204);
}

/** GetBucketPolicy: JSON, not XML. */
export async function getBucketPolicy(exchange: Exchange): Promise<void> {
  const body = Buffer.from(requiredPolicy(exchange));
  exchange.res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  exchange.res.end(body);
}

/** DeleteBucketPolicy; succeeds also if there is none, as in S3. */
export async function deleteBucketPolicy(exchange: Exchange): Promise<void> {
  await exchange.bucket.configure({ policy: undefined });
  exchange.sendEmpty(204);
}

/** GetBucketPolicyStatus: whether the policy lets everybody in. */
export async function getBucketPolicyStatus(exchange: Exchange): Promise<void> {
  requiredPolicy(exchange);
  const statements = bucketPolicyOf(exchange.store, exchange.bucketName) ?? [];
  exchange.sendXml('PolicyStatus', { IsPublic: isPublicPolicy(statements) });
}

function requiredPolicy({ bucket }: Exchange): string {
  const { policy } = bucket.record;
  if (policy === undefined) throw new S3Error('NoSuchBucketPolicy', { BucketName: bucket.name });
  return policy;
}
