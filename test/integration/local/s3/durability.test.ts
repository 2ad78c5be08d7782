import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pattern, startS3 } from './s3-server.ts';

const MIB = 1024 ** 2;

async function text(client: S3Client, Key: string): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: 'bucket', Key }));
  return await Body!.transformToString('latin1');
}

async function files(dir: string, pick: RegExp): Promise<string[]> {
  return (await readdir(dir, { recursive: true })).filter((name) => pick.test(name));
}

describe.each(['process', 'power'] as const)('a store of durability %s', (durability) => {
  it('has after a restart what was written, and no file more', async () => {
    await using first = await startS3({ durability });
    await first.service.createBucket('bucket');
    const client = first.client();
    const put = async (Key: string, Body: Uint8Array | string): Promise<unknown> =>
      await client.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body }));
    await put('small', 'one');
    await put('small', 'two');
    const large = pattern(3 * MIB);
    await put('large', large);
    await put('gone', 'x');
    await client.send(new DeleteObjectCommand({ Bucket: 'bucket', Key: 'gone' }));
    await client.send(new CopyObjectCommand({ Bucket: 'bucket', Key: 'copy', CopySource: 'bucket/small' }));
    const at = { Bucket: 'bucket', Key: 'parts' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
    for (const Body of ['replaced', 'kept'])
      await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body }));
    await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 2, Body: 'not named' }));
    const Parts = [{ PartNumber: 1, ETag: 'fd7ba1ca19eb4b02dcca0d9ba8f3ff19' }];
    const refused = client.send(
      new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }),
    );
    await expect(refused).rejects.toThrow('One or more of the specified parts could not be found');
    await first.stop();

    await using second = await startS3({ durability, dir: first.dir });
    const again = second.client();
    expect(await text(again, 'small')).toBe('two');
    expect(await text(again, 'copy')).toBe('two');
    expect(await text(again, 'large')).toBe(large.toString('latin1'));
    const { Contents } = await again.send(new ListObjectsV2Command({ Bucket: 'bucket' }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(['copy', 'large', 'small']);
    const { Uploads } = await again.send(new ListMultipartUploadsCommand({ Bucket: 'bucket' }));
    expect(Uploads?.map((upload) => upload.UploadId)).toEqual([UploadId]);
    const part = await again.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'last' }));
    const named = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
    await again.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: named }));
    expect(await text(again, 'parts')).toBe('last');
    expect(await files(join(second.dir, 'blobs'), /[0-9a-f]{32}$/)).toHaveLength(4);
    expect(await readdir(join(second.dir, 'uploads'))).toEqual([]);
    expect(await readdir(join(second.dir, 'tmp'))).toEqual([]);
  });
});

describe('a store that was interrupted', () => {
  it('drops records that a loss of power tore, and the uploads of a bucket that is gone', async () => {
    await using first = await startS3();
    await first.service.createBucket('bucket');
    const client = first.client();
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'torn', Body: 'x' }));
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'whole', Body: 'y' }));
    await client.send(new CreateBucketCommand({ Bucket: 'second' }));
    await client.send(new CreateMultipartUploadCommand({ Bucket: 'second', Key: 'k' }));
    const before = await mkdtemp(join(tmpdir(), 'waybill-s3-'));
    await cp(join(first.dir, 'uploads'), before, { recursive: true });
    await client.send(new DeleteBucketCommand({ Bucket: 'second' }));
    await first.stop();
    // As a crash between the bucket's end and its uploads' would leave it
    await cp(before, join(first.dir, 'uploads'), { recursive: true });
    await rm(before, { recursive: true });
    const versions = join(first.dir, 'buckets', 'bucket', 'versions');
    const records = await files(versions, /\.json$/);
    expect(records).toHaveLength(2);
    await writeFile(join(versions, records[0]!), '{"key":"to');

    await using second = await startS3({ dir: first.dir });
    const again = second.client();
    const { KeyCount } = await again.send(new ListObjectsV2Command({ Bucket: 'bucket' }));
    expect(KeyCount).toBe(1);
    expect(await files(join(second.dir, 'blobs'), /[0-9a-f]{32}$/)).toHaveLength(1);
    await again.send(new CreateBucketCommand({ Bucket: 'second' }));
    const { Uploads } = await again.send(new ListMultipartUploadsCommand({ Bucket: 'second' }));
    expect(Uploads).toBeUndefined();
  });

  it('refuses, or keeps, a write that meets the end of its bucket, and never half of either', async () => {
    await using s3 = await startS3();
    const client = s3.client();
    for (let round = 0; round < 20; round += 1) {
      await client.send(new CreateBucketCommand({ Bucket: 'brief' }));
      const at = { Bucket: 'brief', Key: 'key' };
      const [put, deleted] = await Promise.allSettled([
        client.send(new PutObjectCommand({ ...at, Body: 'x' })),
        client.send(new DeleteBucketCommand({ Bucket: 'brief' })),
      ]);
      expect([put.status, deleted.status].sort()).toEqual(['fulfilled', 'rejected']);
      if (put.status === 'rejected') {
        expect(put.reason.name).toBe('NoSuchBucket');
        continue;
      }
      expect((deleted as PromiseRejectedResult).reason.name).toBe('BucketNotEmpty');
      await client.send(new DeleteObjectCommand(at));
      await client.send(new DeleteBucketCommand({ Bucket: 'brief' }));
    }
  });
});
