import {
  DeleteObjectCommand,
  DeleteObjectTaggingCommand,
  GetObjectAttributesCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import type { ObjectAttributes, Tag } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { action, guide } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { complete, part, start } from './multipart-tools.ts';
import { get, put } from './tools.ts';

type Where = { Bucket: string; Key: string; VersionId?: string | undefined };

const setTags = async (world: World, { Bucket, Key, VersionId }: Where, TagSet: Tag[]) =>
  await world.s3.send(new PutObjectTaggingCommand({ Bucket, Key, VersionId, Tagging: { TagSet } }));
const tagsOf = async (world: World, { Bucket, Key, VersionId }: Where) =>
  (await world.s3.send(new GetObjectTaggingCommand({ Bucket, Key, VersionId }))).TagSet ?? [];
const many = (count: number): Tag[] =>
  Array.from({ length: count }, (_, n) => ({ Key: `k${n}`, Value: 'v' }));

const badTags = (code: string, tags: Tag[]) => async (world: World) => {
  await refused(setTags(world, await put(world), tags), 400, code);
};

/** Object tags. */
export const tagging: readonly ConformanceCase[] = suite('tagging', guide('object-tagging'), {
  'put-then-get': async (world) => {
    const where = await put(world);
    await setTags(world, where, [{ Key: 'a', Value: '1' }]);
    expect(await tagsOf(world, where)).toEqual([{ Key: 'a', Value: '1' }]);
  },
  'replaces-all': async (world) => {
    const where = await put(world, 'x', { Tagging: 'old=1' });
    await setTags(world, where, [{ Key: 'new', Value: '2' }]);
    expect(await tagsOf(world, where)).toEqual([{ Key: 'new', Value: '2' }]);
  },
  'none-is-an-empty-set': async (world) => {
    expect(await tagsOf(world, await put(world))).toEqual([]);
  },
  delete: async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Tagging: 'a=1' });
    const { $metadata } = await world.s3.send(new DeleteObjectTaggingCommand({ Bucket, Key }));
    expect($metadata.httpStatusCode).toBe(204);
    expect(await tagsOf(world, { Bucket, Key })).toEqual([]);
  },
  'header-of-put': async (world) => {
    const where = await put(world, 'x', { Tagging: 'a=1&b=two%20words%2B' });
    expect(await tagsOf(world, where)).toEqual(
      expect.arrayContaining([
        { Key: 'a', Value: '1' },
        { Key: 'b', Value: 'two words+' },
      ]),
    );
  },
  'count-on-get': from(action('GetObject'), async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Tagging: 'a=1&b=2' });
    expect((await get(world, { Bucket, Key })).TagCount).toBe(2);
  }),
  'etag-and-date-do-not-change': async (world) => {
    const { Bucket, Key } = await put(world);
    const before = await world.s3.send(new HeadObjectCommand({ Bucket, Key }));
    await setTags(world, { Bucket, Key }, [{ Key: 'a', Value: '1' }]);
    const after = await world.s3.send(new HeadObjectCommand({ Bucket, Key }));
    expect(after).toMatchObject({ ETag: before.ETag, LastModified: before.LastModified });
  },
  'one-version': async (world) => {
    const { Bucket, Key, VersionId } = await put(world, 'one', { Bucket: world.versioned, Tagging: 'v=1' });
    await put(world, 'two', { Bucket, Key, Tagging: 'v=2' });
    await setTags(world, { Bucket, Key, VersionId }, [{ Key: 'v', Value: 'changed' }]);
    expect(await tagsOf(world, { Bucket, Key, VersionId })).toEqual([{ Key: 'v', Value: 'changed' }]);
    expect(await tagsOf(world, { Bucket, Key })).toEqual([{ Key: 'v', Value: '2' }]);
  },
  'ten-fit': async (world) => {
    const where = await put(world);
    await setTags(world, where, many(10));
    expect(await tagsOf(world, where)).toHaveLength(10);
  },
  'eleven-are-refused': badTags('BadRequest', many(11)),
  'key-twice-is-refused': badTags('InvalidTag', [
    { Key: 'a', Value: '1' },
    { Key: 'a', Value: '2' },
  ]),
  'key-of-129-characters-is-refused': badTags('InvalidTag', [{ Key: 'k'.repeat(129), Value: '' }]),
  'value-of-257-characters-is-refused': badTags('InvalidTag', [{ Key: 'k', Value: 'v'.repeat(257) }]),
  'key-of-128-and-value-of-256-fit': async (world) => {
    const tag = { Key: 'k'.repeat(128), Value: 'v'.repeat(256) };
    const where = await put(world);
    await setTags(world, where, [tag]);
    expect(await tagsOf(world, where)).toEqual([tag]);
  },
  'missing-key-is-404': async (world) => {
    await refused(tagsOf(world, { Bucket: world.plain, Key: world.key() }), 404, 'NoSuchKey');
  },
  'malformed-is-refused': from(action('PutObjectTagging'), async (world) => {
    const { Bucket, Key } = await put(world);
    const query = [['tagging', '']] as const;
    const reply = await world.ask({
      method: 'PUT',
      bucket: Bucket,
      key: Key,
      query,
      body: '<Tagging><TagSet>',
    });
    refusal(reply, 400, 'MalformedXML');
  }),
  'of-a-marker-is-405': from(action('GetObjectTagging'), async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Bucket: world.versioned });
    const { VersionId } = await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    await refused(tagsOf(world, { Bucket, Key, VersionId }), 405, 'MethodNotAllowed');
  }),
});

const attributes = async (world: World, where: Where, names: ObjectAttributes[], more: object = {}) => {
  const { Bucket, Key, VersionId } = where;
  const input = { Bucket, Key, VersionId, ObjectAttributes: names, ...more };
  return await world.s3.send(new GetObjectAttributesCommand(input));
};

/** GetObjectAttributes. */
export const objectAttributes: readonly ConformanceCase[] = suite(
  'get-object-attributes',
  action('GetObjectAttributes'),
  {
    'etag-without-quotes-size-class': async (world) => {
      const where = await put(world, 'seven b');
      const answer = await attributes(world, where, ['ETag', 'ObjectSize', 'StorageClass']);
      const ETag = where.ETag.replaceAll('"', '');
      expect(answer).toMatchObject({ ETag, ObjectSize: 7, StorageClass: 'STANDARD' });
    },
    'only-what-was-asked': async (world) => {
      const answer = await attributes(world, await put(world), ['ObjectSize']);
      expect(answer.ObjectSize).toBe(7);
      expect([answer.ETag, answer.StorageClass, answer.Checksum]).toEqual([undefined, undefined, undefined]);
    },
    'last-modified-header': async (world) => {
      const answer = await attributes(world, await put(world), ['ETag']);
      expect(answer.LastModified).toBeInstanceOf(Date);
    },
    'one-version': async (world) => {
      const { Bucket, Key, VersionId } = await put(world, 'one', { Bucket: world.versioned });
      await put(world, 'longer', { Bucket, Key });
      const answer = await attributes(world, { Bucket, Key, VersionId }, ['ObjectSize']);
      expect(answer).toMatchObject({ ObjectSize: 3, VersionId });
    },
    checksum: async (world) => {
      const where = await put(world, 'abc', { ChecksumAlgorithm: 'SHA256' });
      const { Checksum } = await attributes(world, where, ['Checksum']);
      const ChecksumSHA256 = 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=';
      expect(Checksum).toMatchObject({ ChecksumSHA256, ChecksumType: 'FULL_OBJECT' });
    },
    'parts-count': async (world) => {
      const upload = await start(world);
      await complete(world, upload, [await part(world, upload, 1, 'x')]);
      const { ObjectParts, ETag } = await attributes(world, upload, ['ObjectParts', 'ETag']);
      expect(ObjectParts?.TotalPartsCount).toBe(1);
      expect(ETag).toMatch(/-1$/);
    },
    'unknown-attribute-is-refused': async (world) => {
      const { Bucket, Key } = await put(world);
      const headers = [['x-amz-object-attributes', 'Colour']] as const;
      const reply = await world.ask({ bucket: Bucket, key: Key, query: [['attributes', '']], headers });
      refusal(reply, 400, 'InvalidArgument');
    },
    'no-attributes-is-refused': async (world) => {
      const { Bucket, Key } = await put(world);
      const reply = await world.ask({ bucket: Bucket, key: Key, query: [['attributes', '']] });
      expect(reply.status).toBe(400);
    },
    'missing-key-is-404': async (world) => {
      const where = { Bucket: world.plain, Key: world.key() };
      await refused(attributes(world, where, ['ETag']), 404, 'NoSuchKey');
    },
  },
);
