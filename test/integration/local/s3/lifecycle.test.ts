import {
  CreateMultipartUploadCommand,
  DeleteBucketLifecycleCommand,
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { LifecycleRule, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dueAtMs } from '../../../../local/s3/lifecycle/rules.ts';
import { startS3 } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

const DAY_MS = 86_400_000;
const NOTHING = { expired: 0, noncurrentRemoved: 0, deleteMarkersRemoved: 0, uploadsAborted: 0 };

let s3: S3Server;
let client: S3Client;
beforeEach(async () => {
  s3 = await startS3();
  client = s3.client();
  await s3.service.createBucket('bucket', { versioning: true });
  await s3.service.createBucket('plain');
});
afterEach(async () => await s3[Symbol.asyncDispose]());

const rules = async (...Rules: Partial<LifecycleRule>[]) =>
  await client.send(
    new PutBucketLifecycleConfigurationCommand({
      Bucket: 'bucket',
      LifecycleConfiguration: {
        Rules: Rules.map((rule) => ({ Status: 'Enabled', Filter: { Prefix: '' }, ...rule })),
      },
    }),
  );
const put = async (Key: string, more: object = {}) =>
  await client.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: 'x', ...more }));
/** Runs the rules as they would be some time from now. */
const runAfter = async (ms: number) => {
  s3.clock.shiftMs = ms;
  try {
    return await s3.service.runLifecycle();
  } finally {
    s3.clock.shiftMs = 0;
  }
};
/** `key`, with `*` for the newest and `-` for a delete marker, newest first. */
const versions = async (Bucket = 'bucket') => {
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
  const shown = [
    ...Versions.map(({ Key, IsLatest }) => `${Key}${IsLatest === true ? '*' : ''}`),
    ...DeleteMarkers.map(({ Key, IsLatest }) => `${Key}-${IsLatest === true ? '*' : ''}`),
  ];
  return shown.sort();
};

describe('the configuration', () => {
  it('is answered as it was put, over a restart, until it is deleted', async () => {
    const Bucket = 'bucket';
    const get = async (from = client) =>
      await from.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    const missing = { name: 'NoSuchLifecycleConfiguration', $metadata: { httpStatusCode: 404 } };
    await expect(get()).rejects.toMatchObject(missing);
    const rule = {
      ID: 'r',
      Filter: { And: { Prefix: 'p', Tags: [{ Key: 'k', Value: 'v' }] } },
      Expiration: { Date: new Date('2030-01-01T00:00:00Z') },
      NoncurrentVersionExpiration: { NoncurrentDays: 3, NewerNoncurrentVersions: 1 },
    };
    await rules(rule);
    expect((await get()).Rules).toEqual([{ Status: 'Enabled', ...rule }]);
    await s3.stop();
    await using again = await startS3({ dir: s3.dir });
    expect((await get(again.client())).Rules).toHaveLength(1);
    await again.client().send(new DeleteBucketLifecycleCommand({ Bucket }));
    await expect(get(again.client())).rejects.toMatchObject(missing);
  });

  it('fails with 501 for transitions', async () => {
    const transition = rules({ Transitions: [{ Days: 1, StorageClass: 'GLACIER' }] });
    await expect(transition).rejects.toMatchObject({ $metadata: { httpStatusCode: 501 } });
  });
});

describe('a run', () => {
  it('expires objects at the midnight after their days, and not before', async () => {
    await put('logs/a');
    await put('other');
    await rules({ Filter: { Prefix: 'logs/' }, Expiration: { Days: 2 } });
    const head = await client.send(new HeadObjectCommand({ Bucket: 'bucket', Key: 'logs/a' }));
    const due = dueAtMs(head.LastModified!.getTime() + 1, 2) - Date.now();
    expect(await runAfter(due - 60_000)).toEqual(NOTHING);
    expect(await runAfter(due + 1_000)).toEqual({ ...NOTHING, expired: 1 });
    expect(await versions()).toEqual(['logs/a', 'logs/a-*', 'other*']);
    expect(await runAfter(due + 1_000)).toEqual(NOTHING);
  });

  it('expires by date, tags and size', async () => {
    await put('tagged', { Tagging: 'kind=tmp' });
    await put('large', { Body: 'x'.repeat(100) });
    await put('small');
    const tomorrow = new Date(Math.ceil(Date.now() / DAY_MS) * DAY_MS);
    await rules(
      { Filter: { Tag: { Key: 'kind', Value: 'tmp' } }, Expiration: { Date: tomorrow } },
      { Filter: { ObjectSizeGreaterThan: 99 }, Expiration: { Date: tomorrow } },
      { Status: 'Disabled', Expiration: { Date: tomorrow } },
    );
    expect(await runAfter(-DAY_MS)).toEqual(NOTHING);
    expect(await runAfter(DAY_MS)).toEqual({ ...NOTHING, expired: 2 });
    expect(await versions()).toContain('small*');
  });

  it('removes noncurrent versions by age since they were replaced, but for the newest of them', async () => {
    for (let count = 0; count < 4; count += 1) await put('k');
    await rules({ NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 1 } });
    expect(await runAfter(DAY_MS / 2)).toEqual(NOTHING);
    expect(await runAfter(2 * DAY_MS)).toEqual({ ...NOTHING, noncurrentRemoved: 2 });
    expect(await versions()).toEqual(['k', 'k*']);
    await rules({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    expect(await runAfter(2 * DAY_MS)).toEqual({ ...NOTHING, noncurrentRemoved: 1 });
    expect(await versions()).toEqual(['k*']);
  });

  it('removes delete markers that have nothing behind them', async () => {
    await client.send(new DeleteObjectCommand({ Bucket: 'bucket', Key: 'alone' }));
    await put('k');
    await client.send(new DeleteObjectCommand({ Bucket: 'bucket', Key: 'k' }));
    await rules({ Expiration: { ExpiredObjectDeleteMarker: true } });
    expect(await runAfter(0)).toEqual({ ...NOTHING, deleteMarkersRemoved: 1 });
    expect(await versions()).toEqual(['k', 'k-*']);
    await rules({
      Expiration: { ExpiredObjectDeleteMarker: true },
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
    });
    expect(await runAfter(2 * DAY_MS)).toEqual({ ...NOTHING, noncurrentRemoved: 1, deleteMarkersRemoved: 1 });
    expect(await versions()).toEqual([]);
  });

  it('aborts uploads that nobody completed', async () => {
    const start = async (Key: string) =>
      await client.send(new CreateMultipartUploadCommand({ Bucket: 'bucket', Key }));
    await start('tmp/a');
    await start('keep');
    await rules({ Filter: { Prefix: 'tmp/' }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } });
    expect(await runAfter(0)).toEqual(NOTHING);
    expect(await runAfter(2 * DAY_MS)).toEqual({ ...NOTHING, uploadsAborted: 1 });
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'bucket' }));
    expect(Uploads?.map(({ Key }) => Key)).toEqual(['keep']);
  });

  it('deletes for good where no versions are kept', async () => {
    await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'k', Body: 'x' }));
    const Rules = [{ Status: 'Enabled' as const, Filter: {}, Expiration: { Days: 1 } }];
    await client.send(
      new PutBucketLifecycleConfigurationCommand({ Bucket: 'plain', LifecycleConfiguration: { Rules } }),
    );
    expect(await runAfter(2 * DAY_MS)).toEqual({ ...NOTHING, expired: 1 });
    expect(await versions('plain')).toEqual([]);
  });
});
