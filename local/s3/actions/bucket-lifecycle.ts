import { receiveText } from '../body.ts';
import { S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { lifecycleRulesXml, readLifecycleRules } from '../lifecycle/rules-xml.ts';

/** PutBucketLifecycleConfiguration: replaces all rules. They are carried out when the stack is told to. */
export async function putBucketLifecycle(exchange: Exchange): Promise<void> {
  const { bucket } = exchange;
  await bucket.configure({ lifecycle: readLifecycleRules(await receiveText(exchange)) });
  exchange.sendEmpty(200);
}

/** GetBucketLifecycleConfiguration. */
export async function getBucketLifecycle(exchange: Exchange): Promise<void> {
  const { name, record } = exchange.bucket;
  if (record.lifecycle === undefined) throw new S3Error('NoSuchLifecycleConfiguration', { BucketName: name });
  exchange.sendXml('LifecycleConfiguration', lifecycleRulesXml(record.lifecycle));
}

/** DeleteBucketLifecycle. */
export async function deleteBucketLifecycle(exchange: Exchange): Promise<void> {
  await exchange.bucket.configure({ lifecycle: undefined });
  exchange.sendEmpty(204);
}
