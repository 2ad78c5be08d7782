import { receiveText } from '../body.ts';
import { isBucketName } from '../address.ts';
import { S3Error, invalidRequest } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { OWNER } from '../owner.ts';
import { childrenOf, parseXml, textOf } from '../xml.ts';
import { isoMillis } from '../times.ts';

/** ListBuckets: all of them, by name. */
export async function listBuckets(exchange: Exchange): Promise<void> {
  const prefix = exchange.query.get('prefix') ?? '';
  const buckets = exchange.store.buckets().filter(({ name }) => name.startsWith(prefix));
  exchange.sendXml('ListAllMyBucketsResult', {
    Owner: OWNER,
    Buckets: {
      Bucket: buckets.map(({ record }) => ({
        Name: record.name,
        CreationDate: isoMillis(record.createdAtMs),
        BucketRegion: exchange.options.region,
      })),
    },
  });
}

/** CreateBucket, in the one region there is. */
export async function createBucket(exchange: Exchange): Promise<void> {
  const name = exchange.bucketName;
  if (!isBucketName(name)) throw new S3Error('InvalidBucketName', { BucketName: name });
  const text = hasBody(exchange) ? await receiveText(exchange) : '';
  const { region } = exchange.options;
  if (text !== '') {
    const wanted = textOf(parseXml(text, 'CreateBucketConfiguration'), 'LocationConstraint');
    if (wanted !== undefined && wanted !== region) {
      throw invalidRequest(`The location constraint ${wanted} is not the region of this endpoint, ${region}`);
    }
  }
  await exchange.store.createBucket(name, false);
  exchange.sendEmpty(200, { location: `/${name}` });
}

/** HeadBucket. */
export async function headBucket(exchange: Exchange): Promise<void> {
  const { record } = exchange.bucket;
  exchange.sendEmpty(200, {
    'x-amz-bucket-region': exchange.options.region,
    'x-amz-bucket-arn': `arn:aws:s3:::${record.name}`,
  });
}

/** DeleteBucket: an empty one only. */
export async function deleteBucket(exchange: Exchange): Promise<void> {
  await exchange.store.deleteBucket(exchange.bucketName);
  exchange.sendEmpty(204);
}

/** GetBucketLocation; empty for us-east-1, as in S3. */
export async function getBucketLocation(exchange: Exchange): Promise<void> {
  void exchange.bucket;
  const { region } = exchange.options;
  exchange.sendXmlText('LocationConstraint', region === 'us-east-1' ? '' : region);
}

/** GetBucketVersioning. */
export async function getBucketVersioning(exchange: Exchange): Promise<void> {
  const { versioning } = exchange.bucket.record;
  exchange.sendXml('VersioningConfiguration', versioning === 'Off' ? {} : { Status: versioning });
}

/** PutBucketVersioning. */
export async function putBucketVersioning(exchange: Exchange): Promise<void> {
  const { bucket } = exchange;
  const node = parseXml(await receiveText(exchange), 'VersioningConfiguration');
  if (childrenOf(node, 'MfaDelete').length > 0 && textOf(node, 'MfaDelete') !== 'Disabled') {
    throw new S3Error('NotImplemented', {}, { message: 'MFA delete is not implemented by this S3' });
  }
  const status = textOf(node, 'Status');
  if (status !== 'Enabled' && status !== 'Suspended') {
    throw new S3Error('IllegalVersioningConfigurationException');
  }
  await bucket.setVersioning(status);
  exchange.sendEmpty(200);
}

function hasBody(exchange: Exchange): boolean {
  const length = exchange.header('content-length');
  return (length !== undefined && length !== '0') || exchange.header('transfer-encoding') !== undefined;
}
