import { receiveText } from '../body.ts';
import { corsRulesXml, readCorsRules } from '../cors-rules.ts';
import { S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';

/** PutBucketCors: replaces all rules. */
export async function putBucketCors(exchange: Exchange): Promise<void> {
  const { bucket } = exchange;
  await bucket.configure({ cors: readCorsRules(await receiveText(exchange)) });
  exchange.sendEmpty(200);
}

/** GetBucketCors. */
export async function getBucketCors(exchange: Exchange): Promise<void> {
  const { name, record } = exchange.bucket;
  if (record.cors === undefined) throw new S3Error('NoSuchCORSConfiguration', { BucketName: name });
  exchange.sendXml('CORSConfiguration', corsRulesXml(record.cors));
}

/** DeleteBucketCors. */
export async function deleteBucketCors(exchange: Exchange): Promise<void> {
  await exchange.bucket.configure({ cors: undefined });
  exchange.sendEmpty(204);
}
