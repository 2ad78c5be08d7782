import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credentials, pattern, startS3 } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3();
  await s3.service.createBucket('plain');
  await s3.service.createBucket('versioned', { versioning: true });
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
});

describe('buckets', () => {
  it('creates, lists, describes and deletes a bucket', async () => {
    const client = s3.client();
    await client.send(new CreateBucketCommand({ Bucket: 'fresh' }));
    await client.send(new HeadBucketCommand({ Bucket: 'fresh' }));
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    expect(Buckets!.map(({ Name }) => Name)).toContain('fresh');
    const location = await client.send(new GetBucketLocationCommand({ Bucket: 'fresh' }));
    expect(location.LocationConstraint).toBe('eu-west-1');
    await client.send(
      new PutBucketVersioningCommand({ Bucket: 'fresh', VersioningConfiguration: { Status: 'Enabled' } }),
    );
    const versioning = await client.send(new GetBucketVersioningCommand({ Bucket: 'fresh' }));
    expect(versioning.Status).toBe('Enabled');
    await expect(client.send(new CreateBucketCommand({ Bucket: 'fresh' }))).rejects.toMatchObject({
      name: 'BucketAlreadyOwnedByYou',
    });
    await client.send(new DeleteBucketCommand({ Bucket: 'fresh' }));
    await expect(client.send(new HeadBucketCommand({ Bucket: 'fresh' }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    });
  });

  it('fails to delete a bucket that holds an object', async () => {
    const client = s3.client();
    await client.send(new CreateBucketCommand({ Bucket: 'not-empty' }));
    await client.send(new PutObjectCommand({ Bucket: 'not-empty', Key: 'a', Body: 'x' }));
    await expect(client.send(new DeleteBucketCommand({ Bucket: 'not-empty' }))).rejects.toMatchObject({
      name: 'BucketNotEmpty',
    });
  });

  it('fails with InvalidBucketName and with NoSuchBucket', async () => {
    const client = s3.client();
    await expect(client.send(new CreateBucketCommand({ Bucket: 'UPPER' }))).rejects.toMatchObject({
      name: 'InvalidBucketName',
    });
    await expect(
      client.send(new PutObjectCommand({ Bucket: 'nobody', Key: 'a', Body: 'x' })),
    ).rejects.toMatchObject({ name: 'NoSuchBucket' });
  });
});

describe('objects', () => {
  it.each([0, 1, 65_536, 3_000_001])('gives back %i bytes with metadata, etag and checksum', async (size) => {
    const client = s3.client();
    const body = pattern(size);
    const put = await client.send(
      new PutObjectCommand({
        Bucket: 'plain',
        Key: `size/${size}`,
        Body: body,
        ContentType: 'text/x-test',
        CacheControl: 'no-store',
        ContentDisposition: 'attachment; filename="a b.txt"',
        ContentEncoding: 'x-enc',
        Metadata: { who: 'me', two: 'words here' },
        Tagging: 'a=1&b=two%20words',
      }),
    );
    expect(put.ETag).toBe(`"${createHash('md5').update(body).digest('hex')}"`);
    expect(put.ChecksumCRC32).toBeDefined();
    expect(put.VersionId).toBeUndefined();
    const got = await client.send(new GetObjectCommand({ Bucket: 'plain', Key: `size/${size}` }));
    expect(got).toMatchObject({
      ContentLength: size,
      ContentType: 'text/x-test',
      CacheControl: 'no-store',
      ContentDisposition: 'attachment; filename="a b.txt"',
      ContentEncoding: 'x-enc',
      Metadata: { who: 'me', two: 'words here' },
      TagCount: 2,
      ETag: put.ETag,
      AcceptRanges: 'bytes',
      ChecksumCRC32: put.ChecksumCRC32,
      ChecksumType: 'FULL_OBJECT',
    });
    expect(Buffer.from(await got.Body!.transformToByteArray()).equals(body)).toBe(true);
    const head = await client.send(new HeadObjectCommand({ Bucket: 'plain', Key: `size/${size}` }));
    expect(head).toMatchObject({ ContentLength: size, ETag: put.ETag });
    expect(head.ChecksumCRC32).toBeUndefined();
  });

  it.each(['WHEN_REQUIRED', 'WHEN_SUPPORTED'] as const)('takes an upload with checksums %s', async (mode) => {
    const client = s3.client({ requestChecksumCalculation: mode, responseChecksumValidation: mode });
    const body = pattern(200_000, 7);
    await client.send(new PutObjectCommand({ Bucket: 'plain', Key: mode, Body: body }));
    const got = await client.send(new GetObjectCommand({ Bucket: 'plain', Key: mode }));
    expect(Buffer.from(await got.Body!.transformToByteArray()).equals(body)).toBe(true);
  });

  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'verifies and answers a %s checksum',
    async (ChecksumAlgorithm) => {
      const client = s3.client();
      const Key = `checksum/${ChecksumAlgorithm}`;
      const put = await client.send(
        new PutObjectCommand({ Bucket: 'plain', Key, Body: pattern(100_003), ChecksumAlgorithm }),
      );
      const head = await client.send(
        new HeadObjectCommand({ Bucket: 'plain', Key, ChecksumMode: 'ENABLED' }),
      );
      const field = `Checksum${ChecksumAlgorithm}` as const;
      expect(head[field]).toBe(put[field]);
      expect(head[field]).toBeDefined();
      const got = await client.send(new GetObjectCommand({ Bucket: 'plain', Key, ChecksumMode: 'ENABLED' }));
      expect((await got.Body!.transformToByteArray()).length).toBe(100_003);
    },
  );

  it('fails with BadDigest for a wrong checksum or Content-MD5, and shows nothing', async () => {
    const client = s3.client();
    const Key = 'bad-digest';
    for (const wrong of [
      { ChecksumCRC32C: 'AAAAAA==' },
      { ChecksumSHA256: 'A'.repeat(43) + '=' },
      { ContentMD5: '1B2M2Y8AsgTpgAmY7PhCfg==' },
    ]) {
      await expect(
        client.send(new PutObjectCommand({ Bucket: 'plain', Key, Body: 'hello', ...wrong })),
      ).rejects.toMatchObject({ name: 'BadDigest' });
    }
    await expect(client.send(new HeadObjectCommand({ Bucket: 'plain', Key }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    });
  });

  it.each([
    'with space',
    'plus+sign',
    'percent%41 100%',
    'ünïcödé/日本/🚚',
    'double//slash//',
    '../../etc/passwd',
    'a/./b/../c',
    "quotes'()*!~",
    'query?x=1&y#z',
    'nul\u0000byte\u0001\r\n',
    '<&>"',
    'x'.repeat(1024),
  ])('keeps the key %j apart and intact', async (Key) => {
    const client = s3.client();
    await client.send(new PutObjectCommand({ Bucket: 'versioned', Key, Body: Key }));
    const got = await client.send(new GetObjectCommand({ Bucket: 'versioned', Key }));
    expect(await got.Body!.transformToString()).toBe(Key);
    const listed = await client.send(
      new ListObjectsV2Command({ Bucket: 'versioned', Prefix: Key, EncodingType: 'url' }),
    );
    expect(listed.Contents!.map((item) => decodeURIComponent(item.Key!))).toContain(Key);
    await client.send(new DeleteObjectCommand({ Bucket: 'versioned', Key }));
  });

  it('fails with KeyTooLongError beyond 1024 bytes', async () => {
    const put = new PutObjectCommand({ Bucket: 'plain', Key: 'é'.repeat(513), Body: 'x' });
    await expect(s3.client().send(put)).rejects.toMatchObject({ name: 'KeyTooLongError' });
  });

  it('overrides response headers on request', async () => {
    const client = s3.client();
    await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'override', Body: 'x' }));
    const got = await client.send(
      new GetObjectCommand({
        Bucket: 'plain',
        Key: 'override',
        ResponseContentType: 'text/html',
        ResponseContentDisposition: 'inline',
      }),
    );
    expect(got).toMatchObject({ ContentType: 'text/html', ContentDisposition: 'inline' });
  });

  it('reports each new object once, with growing sequencers', async () => {
    const client = s3.client();
    s3.events.length = 0;
    await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'news', Body: '1' }));
    await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'news', Body: '22' }));
    await client.send(
      new CopyObjectCommand({ Bucket: 'versioned', Key: 'news-copy', CopySource: 'versioned/news' }),
    );
    expect(s3.events.map(({ reason, size, key }) => [reason, size, key])).toEqual([
      ['PutObject', 1, 'news'],
      ['PutObject', 2, 'news'],
      ['CopyObject', 2, 'news-copy'],
    ]);
    const sequencers = s3.events.map(({ sequencer }) => sequencer);
    expect([...sequencers].sort()).toEqual(sequencers);
  });
});

describe('conditions', () => {
  it('lets exactly one of twenty If-None-Match writers win', async () => {
    const client = s3.client();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, index) =>
        client.send(
          new PutObjectCommand({ Bucket: 'versioned', Key: 'race', Body: `w${index}`, IfNoneMatch: '*' }),
        ),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ name: 'PreconditionFailed' });
    }
    const { Versions } = await client.send(
      new ListObjectVersionsCommand({ Bucket: 'versioned', Prefix: 'race' }),
    );
    expect(Versions).toHaveLength(1);
  });

  it('writes with If-Match only over the version named', async () => {
    const client = s3.client();
    const target = { Bucket: 'plain', Key: 'if-match' };
    await expect(
      client.send(new PutObjectCommand({ ...target, Body: '1', IfMatch: '"00"' })),
    ).rejects.toMatchObject({ name: 'NoSuchKey' });
    const { ETag } = await client.send(new PutObjectCommand({ ...target, Body: '1' }));
    await client.send(new PutObjectCommand({ ...target, Body: '2', IfMatch: ETag }));
    await expect(
      client.send(new PutObjectCommand({ ...target, Body: '3', IfMatch: ETag })),
    ).rejects.toMatchObject({ name: 'PreconditionFailed' });
  });

  it('answers 304 and 412 to conditional reads', async () => {
    const client = s3.client();
    const target = { Bucket: 'plain', Key: 'conditional-read' };
    const { ETag } = await client.send(new PutObjectCommand({ ...target, Body: '1' }));
    const status = async (extra: object): Promise<number | undefined> => {
      try {
        const got = await client.send(new GetObjectCommand({ ...target, ...extra }));
        await got.Body!.transformToByteArray();
        return got.$metadata.httpStatusCode;
      } catch (error) {
        return (error as { $metadata: { httpStatusCode?: number } }).$metadata.httpStatusCode;
      }
    };
    const [past, future] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
    expect(await status({ IfMatch: ETag })).toBe(200);
    expect(await status({ IfMatch: '"other"' })).toBe(412);
    expect(await status({ IfNoneMatch: ETag })).toBe(304);
    expect(await status({ IfNoneMatch: '"other"' })).toBe(200);
    expect(await status({ IfModifiedSince: past })).toBe(200);
    expect(await status({ IfModifiedSince: future })).toBe(304);
    expect(await status({ IfUnmodifiedSince: past })).toBe(412);
    expect(await status({ IfUnmodifiedSince: future })).toBe(200);
    expect(await status({ IfMatch: ETag, IfUnmodifiedSince: past })).toBe(200);
    expect(await status({ IfNoneMatch: '"other"', IfModifiedSince: future })).toBe(200);
  });
});

describe('versions', () => {
  it('keeps every version, hides behind a marker, and comes back without it', async () => {
    const client = s3.client();
    const target = { Bucket: 'versioned', Key: 'story' };
    const one = await client.send(new PutObjectCommand({ ...target, Body: 'one' }));
    const two = await client.send(new PutObjectCommand({ ...target, Body: 'two' }));
    expect(one.VersionId).not.toBe(two.VersionId);
    const old = await client.send(new GetObjectCommand({ ...target, VersionId: one.VersionId }));
    expect(await old.Body!.transformToString()).toBe('one');
    const marker = await client.send(new DeleteObjectCommand(target));
    expect(marker.DeleteMarker).toBe(true);
    await expect(client.send(new GetObjectCommand(target))).rejects.toMatchObject({ name: 'NoSuchKey' });
    await expect(
      client.send(new GetObjectCommand({ ...target, VersionId: marker.VersionId })),
    ).rejects.toMatchObject({ name: 'MethodNotAllowed' });
    await expect(
      client.send(new GetObjectCommand({ ...target, VersionId: 'nonesuch' })),
    ).rejects.toMatchObject({ name: 'NoSuchVersion' });
    const listed = await client.send(new ListObjectVersionsCommand({ Bucket: 'versioned', Prefix: 'story' }));
    expect(listed.Versions!.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
      [two.VersionId, false],
      [one.VersionId, false],
    ]);
    expect(listed.DeleteMarkers).toMatchObject([{ VersionId: marker.VersionId, IsLatest: true }]);
    await client.send(new DeleteObjectCommand({ ...target, VersionId: marker.VersionId }));
    const back = await client.send(new GetObjectCommand(target));
    expect(await back.Body!.transformToString()).toBe('two');
    expect(back.VersionId).toBe(two.VersionId);
  });

  it('replaces the null version while versioning is suspended', async () => {
    const client = s3.client();
    await client.send(new CreateBucketCommand({ Bucket: 'suspended' }));
    await client.send(new PutObjectCommand({ Bucket: 'suspended', Key: 'k', Body: 'before' }));
    const set = async (Status: 'Enabled' | 'Suspended'): Promise<unknown> =>
      client.send(
        new PutBucketVersioningCommand({ Bucket: 'suspended', VersioningConfiguration: { Status } }),
      );
    await set('Enabled');
    const kept = await client.send(new PutObjectCommand({ Bucket: 'suspended', Key: 'k', Body: 'kept' }));
    await set('Suspended');
    const after = await client.send(new PutObjectCommand({ Bucket: 'suspended', Key: 'k', Body: 'after' }));
    expect(after.VersionId).toBe('null');
    const { Versions } = await client.send(new ListObjectVersionsCommand({ Bucket: 'suspended' }));
    expect(Versions!.map(({ VersionId }) => VersionId)).toEqual(['null', kept.VersionId]);
    const got = await client.send(new GetObjectCommand({ Bucket: 'suspended', Key: 'k', VersionId: 'null' }));
    expect(await got.Body!.transformToString()).toBe('after');
  });

  it('deletes many keys at once, quietly if asked', async () => {
    const client = s3.client();
    for (const Key of ['m/1', 'm/2 & <x>', 'm/3']) {
      await client.send(new PutObjectCommand({ Bucket: 'plain', Key, Body: 'x' }));
    }
    const deleted = await client.send(
      new DeleteObjectsCommand({
        Bucket: 'plain',
        Delete: { Objects: [{ Key: 'm/1' }, { Key: 'm/2 & <x>' }, { Key: 'm/none' }] },
      }),
    );
    expect(deleted.Deleted!.map(({ Key }) => Key)).toEqual(['m/1', 'm/2 & <x>', 'm/none']);
    const quiet = await client.send(
      new DeleteObjectsCommand({ Bucket: 'plain', Delete: { Quiet: true, Objects: [{ Key: 'm/3' }] } }),
    );
    expect(quiet.Deleted ?? []).toEqual([]);
    const left = await client.send(new ListObjectsV2Command({ Bucket: 'plain', Prefix: 'm/' }));
    expect(left.KeyCount).toBe(0);
  });
});

describe('copies', () => {
  it('copies bytes and metadata, or replaces metadata', async () => {
    const client = s3.client();
    const Key = 'source with space+%';
    await client.send(
      new PutObjectCommand({ Bucket: 'plain', Key, Body: 'copy me', Metadata: { a: '1' }, Tagging: 't=1' }),
    );
    const CopySource = `plain/${encodeURIComponent(Key)}`;
    await client.send(new CopyObjectCommand({ Bucket: 'versioned', Key: 'copy', CopySource }));
    const same = await client.send(new GetObjectCommand({ Bucket: 'versioned', Key: 'copy' }));
    expect(await same.Body!.transformToString()).toBe('copy me');
    expect(same).toMatchObject({ Metadata: { a: '1' }, TagCount: 1 });
    await client.send(
      new CopyObjectCommand({
        Bucket: 'versioned',
        Key: 'copy',
        CopySource,
        MetadataDirective: 'REPLACE',
        Metadata: { b: '2' },
      }),
    );
    const changed = await client.send(new HeadObjectCommand({ Bucket: 'versioned', Key: 'copy' }));
    expect(changed.Metadata).toEqual({ b: '2' });
    await expect(
      client.send(new CopyObjectCommand({ Bucket: 'versioned', Key: 'copy', CopySource, IfNoneMatch: '*' })),
    ).rejects.toMatchObject({ name: 'PreconditionFailed' });
    await client.send(new DeleteObjectCommand({ Bucket: 'plain', Key }));
    const still = await client.send(new GetObjectCommand({ Bucket: 'versioned', Key: 'copy' }));
    expect(await still.Body!.transformToString()).toBe('copy me');
  });
});

describe('listings', () => {
  it('pages through keys and groups in UTF-8 order', async () => {
    const client = s3.client();
    await client.send(new CreateBucketCommand({ Bucket: 'listing' }));
    const keys = ['a', 'b/1', 'b/2', 'c', 'd/1', 'ｚ', '🚚'];
    for (const Key of keys) await client.send(new PutObjectCommand({ Bucket: 'listing', Key, Body: 'x' }));
    const seen: string[] = [];
    let ContinuationToken: string | undefined;
    for (let page = 0; page < 10; page += 1) {
      const listed = await client.send(
        new ListObjectsV2Command({ Bucket: 'listing', Delimiter: '/', MaxKeys: 2, ContinuationToken }),
      );
      seen.push(...(listed.Contents ?? []).map(({ Key }) => Key!));
      seen.push(...(listed.CommonPrefixes ?? []).map(({ Prefix }) => Prefix!));
      ContinuationToken = listed.NextContinuationToken;
      if (listed.IsTruncated !== true) break;
    }
    expect(seen).toEqual(['a', 'b/', 'c', 'd/', 'ｚ', '🚚']);
    const after = await client.send(new ListObjectsV2Command({ Bucket: 'listing', StartAfter: 'c' }));
    expect(after.Contents!.map(({ Key }) => Key)).toEqual(['d/1', 'ｚ', '🚚']);
    const old = await client.send(new ListObjectsCommand({ Bucket: 'listing', Prefix: 'b/', Marker: 'b/1' }));
    expect(old.Contents!.map(({ Key }) => Key)).toEqual(['b/2']);
  });

  it('pages through versions without losing or repeating any', async () => {
    const client = s3.client();
    await s3.service.createBucket('versions-paging', { versioning: true });
    const Bucket = 'versions-paging';
    for (const Key of ['p/1', 'p/1', 'p/2', 'p/1', 'q']) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    }
    const seen: string[] = [];
    let markers: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
    for (let page = 0; page < 10; page += 1) {
      const listed = await client.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 2, ...markers }));
      seen.push(...listed.Versions!.map(({ Key, VersionId }) => `${Key} ${VersionId}`));
      markers = { KeyMarker: listed.NextKeyMarker, VersionIdMarker: listed.NextVersionIdMarker };
      if (listed.IsTruncated !== true) break;
    }
    expect(seen.map((line) => line.split(' ')[0])).toEqual(['p/1', 'p/1', 'p/1', 'p/2', 'q']);
    expect(new Set(seen).size).toBe(5);
  });

  it('describes attributes', async () => {
    const client = s3.client();
    await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'attributes', Body: 'abc' }));
    const attributes = await client.send(
      new GetObjectAttributesCommand({
        Bucket: 'plain',
        Key: 'attributes',
        ObjectAttributes: ['ETag', 'ObjectSize', 'Checksum'],
      }),
    );
    expect(attributes).toMatchObject({ ObjectSize: 3, Checksum: { ChecksumType: 'FULL_OBJECT' } });
  });
});

describe('identities', () => {
  it("refuses a secret that is not the identity's", async () => {
    const client = s3.client({ credentials: { ...credentials, secretAccessKey: 'wrong' } });
    await expect(client.send(new ListBucketsCommand({}))).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
    });
  });
});
