import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { CompletedPart, CreateMultipartUploadCommandInput } from '@aws-sdk/client-s3';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32c, crc32cToBase64 } from '../../../../shared/crc32c.ts';
import { pattern, startS3 } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

const MIB = 1024 * 1024;
const sizes = [5 * MIB, 5 * MIB + 3, 17];
const parts = sizes.map((size, index) => pattern(size, index + 1));
const whole = Buffer.concat(parts);

let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3();
  await s3.service.createBucket('bucket', { versioning: true });
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
});

async function upload(Key: string, options: Partial<CreateMultipartUploadCommandInput> = {}, bodies = parts) {
  const client = s3.client();
  const target = { Bucket: 'bucket', Key };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...target, ...options }));
  const done: CompletedPart[] = await Promise.all(
    bodies.map(async (Body, index) => {
      const PartNumber = index + 1;
      const { $metadata: _, ...answer } = await client.send(
        new UploadPartCommand({
          ...target,
          UploadId,
          PartNumber,
          Body,
          ChecksumAlgorithm: options.ChecksumAlgorithm,
        }),
      );
      return { PartNumber, ...answer };
    }),
  );
  return { client, target, UploadId, done };
}

async function download(Key: string): Promise<Buffer> {
  const got = await s3.client().send(new GetObjectCommand({ Bucket: 'bucket', Key }));
  return Buffer.from(await got.Body!.transformToByteArray());
}

describe('multipart uploads', () => {
  it.each([
    {},
    { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' },
    { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' },
    { ChecksumAlgorithm: 'CRC64NVME' },
    { ChecksumAlgorithm: 'CRC32' },
    { ChecksumAlgorithm: 'SHA256', ChecksumType: 'COMPOSITE' },
  ] as const)('joins three parts with %j', async (options) => {
    const Key = `joined/${JSON.stringify(options)}`;
    const { client, target, UploadId, done } = await upload(Key, options);
    const completed = await client.send(
      new CompleteMultipartUploadCommand({
        ...target,
        UploadId,
        MultipartUpload: { Parts: done },
        MpuObjectSize: whole.length,
      }),
    );
    expect(completed.ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
    expect((await download(Key)).equals(whole)).toBe(true);
    const head = await client.send(new HeadObjectCommand({ ...target, ChecksumMode: 'ENABLED' }));
    expect(head.ContentLength).toBe(whole.length);
    if ('ChecksumAlgorithm' in options && options.ChecksumAlgorithm === 'CRC32C') {
      expect(head).toMatchObject({
        ChecksumCRC32C: crc32cToBase64(crc32c(whole)),
        ChecksumType: 'FULL_OBJECT',
      });
    }
    const part = await client.send(new GetObjectCommand({ ...target, PartNumber: 2 }));
    expect(part.PartsCount).toBe(3);
    expect(Buffer.from(await part.Body!.transformToByteArray()).equals(parts[1]!)).toBe(true);
    await expect(
      client.send(
        new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: done } }),
      ),
    ).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });

  it('fails with BadDigest for a wrong checksum of the whole, and lets the right one follow', async () => {
    const options = { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' } as const;
    const { client, target, UploadId, done } = await upload('wrong-whole', options);
    const complete = async (ChecksumCRC32C: string): Promise<unknown> =>
      client.send(
        new CompleteMultipartUploadCommand({
          ...target,
          UploadId,
          ChecksumCRC32C,
          ChecksumType: 'FULL_OBJECT',
          MultipartUpload: { Parts: done },
        }),
      );
    await expect(complete('AAAAAA==')).rejects.toMatchObject({ name: 'BadDigest' });
    await expect(client.send(new HeadObjectCommand(target))).rejects.toMatchObject({ name: 'NotFound' });
    await complete(crc32cToBase64(crc32c(whole)));
    expect((await download('wrong-whole')).equals(whole)).toBe(true);
  });

  it('fails for a wrong order, an unknown part, a small part and a wrong size', async () => {
    const { client, target, UploadId, done } = await upload('refused', {}, [
      parts[0]!,
      Buffer.from('small'),
      parts[2]!,
    ]);
    const complete = async (Parts: CompletedPart[], MpuObjectSize?: number): Promise<unknown> =>
      client.send(
        new CompleteMultipartUploadCommand({
          ...target,
          UploadId,
          MultipartUpload: { Parts },
          MpuObjectSize,
        }),
      );
    const [one, two, three] = done as [CompletedPart, CompletedPart, CompletedPart];
    await expect(complete([two, one])).rejects.toMatchObject({ name: 'InvalidPartOrder' });
    await expect(complete([{ ...one, ETag: two.ETag }])).rejects.toMatchObject({ name: 'InvalidPart' });
    await expect(complete([one, { ...two, PartNumber: 9 }])).rejects.toMatchObject({ name: 'InvalidPart' });
    await expect(complete([one, two, three])).rejects.toMatchObject({ name: 'EntityTooSmall' });
    await expect(complete([one, two], 1)).rejects.toMatchObject({ name: 'InvalidRequest' });
    await complete([one, three]);
    expect((await download('refused')).equals(Buffer.concat([parts[0]!, parts[2]!]))).toBe(true);
  });

  it('honours If-None-Match when completing', async () => {
    const { client, target, UploadId, done } = await upload('taken', {}, [parts[2]!]);
    await client.send(new PutObjectCommand({ ...target, Body: 'first' }));
    await expect(
      client.send(
        new CompleteMultipartUploadCommand({
          ...target,
          UploadId,
          IfNoneMatch: '*',
          MultipartUpload: { Parts: done },
        }),
      ),
    ).rejects.toMatchObject({ name: 'PreconditionFailed' });
    expect((await download('taken')).toString()).toBe('first');
  });

  it('lists uploads and parts, copies parts, and aborts', async () => {
    const { client, target, UploadId } = await upload('listed', {}, [parts[0]!]);
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'origin', Body: whole }));
    await client.send(
      new UploadPartCopyCommand({
        ...target,
        UploadId,
        PartNumber: 7,
        CopySource: 'bucket/origin',
        CopySourceRange: 'bytes=10-29',
      }),
    );
    const listed = await client.send(new ListPartsCommand({ ...target, UploadId }));
    expect(listed.Parts!.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, 5 * MIB],
      [7, 20],
    ]);
    const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket: 'bucket' }));
    expect(uploads.Uploads!.map((item) => item.UploadId)).toContain(UploadId);
    const Parts = listed.Parts!.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
    await client.send(
      new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
    );
    expect((await download('listed')).subarray(5 * MIB).equals(whole.subarray(10, 30))).toBe(true);
    const aborted = await upload('aborted', {}, [parts[2]!]);
    await client.send(new AbortMultipartUploadCommand({ ...aborted.target, UploadId: aborted.UploadId }));
    await expect(
      client.send(new ListPartsCommand({ ...aborted.target, UploadId: aborted.UploadId })),
    ).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });
});

describe('a restart', () => {
  it('keeps objects, versions and uploads, and sweeps what a crash left', async () => {
    const { client, target, UploadId, done } = await upload('resumed', {}, [parts[0]!]);
    const old = await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'kept', Body: 'old' }));
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'kept', Body: 'new' }));
    await s3.stop();
    const [shard] = await readdir(join(s3.dir, 'blobs'));
    const orphan = join(s3.dir, 'blobs', shard!, `${shard}-half-written`);
    await writeFile(orphan, 'half');
    await writeFile(join(s3.dir, 'tmp', 'half.json'), '{"key":');
    s3 = await startS3({ dir: s3.dir });
    expect(await readdir(join(s3.dir, 'blobs', shard!))).not.toContain(`${shard}-half-written`);
    expect(await readdir(join(s3.dir, 'tmp'))).toEqual([]);
    expect((await download('kept')).toString()).toBe('new');
    const again = s3.client();
    const got = await again.send(
      new GetObjectCommand({ Bucket: 'bucket', Key: 'kept', VersionId: old.VersionId }),
    );
    expect(await got.Body!.transformToString()).toBe('old');
    await again.send(
      new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: done } }),
    );
    expect((await download('resumed')).equals(parts[0]!)).toBe(true);
  });
});
