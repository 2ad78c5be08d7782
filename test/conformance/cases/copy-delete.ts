import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectTaggingCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import type { CopyObjectCommandInput } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { action } from '../sources.ts';
import { suite, from } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { get, later, md5Base64, pattern, put } from './tools.ts';

const OTHER = '"00000000000000000000000000000000"';

async function copy(world: World, CopySource: string, input: Partial<CopyObjectCommandInput> = {}) {
  const where = { Bucket: world.plain, Key: world.key('copy'), CopySource };
  const answer = await world.s3.send(new CopyObjectCommand({ ...where, ...input }));
  return { ...answer, where: { Bucket: input.Bucket ?? where.Bucket, Key: input.Key ?? where.Key } };
}

const condition =
  (holds: boolean, make: (etag: string, modified: Date | undefined) => Partial<CopyObjectCommandInput>) =>
  async (world: World) => {
    const { Bucket, Key, ETag } = await put(world);
    const { LastModified } = await get(world, { Bucket, Key });
    const call = copy(world, `${Bucket}/${Key}`, make(ETag, LastModified));
    if (holds) expect((await get(world, (await call).where)).ETag).toBe(ETag);
    else await refused(call, 412, 'PreconditionFailed');
  };

const encodedSource = (name: string) => async (world: World) => {
  const { Bucket, Key } = await put(world, name, { Key: world.key(name) });
  const { where } = await copy(world, `${Bucket}/${Key.split('/').map(encodeURIComponent).join('/')}`);
  expect((await get(world, where)).text).toBe(name);
};

/** CopyObject. */
export const copyObject: readonly ConformanceCase[] = suite('copy-object', action('CopyObject'), {
  'same-bytes-and-etag': async (world) => {
    const body = pattern(100_000);
    const { Bucket, Key, ETag } = await put(world, body);
    const { where, CopyObjectResult } = await copy(world, `${Bucket}/${Key}`);
    expect(CopyObjectResult).toMatchObject({ ETag, LastModified: expect.any(Date) });
    expect((await get(world, where)).bytes.equals(body)).toBe(true);
  },
  'leading-slash-in-source': async (world) => {
    const { Bucket, Key } = await put(world, 'x');
    expect((await get(world, (await copy(world, `/${Bucket}/${Key}`)).where)).text).toBe('x');
  },
  'source.space-is-decoded': encodedSource('a b'),
  'source.plus-is-decoded': encodedSource('a+b'),
  'source.percent-is-decoded': encodedSource('100%25 sure'),
  'source.unicode-is-decoded': encodedSource('grüße-日本'),
  'source.question-mark-is-decoded': encodedSource('what?versionId=no'),
  'metadata.copied': async (world) => {
    const { Bucket, Key } = await put(world, 'x', { ContentType: 'text/own', Metadata: { a: '1' } });
    const { where } = await copy(world, `${Bucket}/${Key}`, { Metadata: { b: '2' } });
    expect(await get(world, where)).toMatchObject({ ContentType: 'text/own', Metadata: { a: '1' } });
  },
  'metadata.replaced': async (world) => {
    const { Bucket, Key } = await put(world, 'x', { ContentType: 'text/own', Metadata: { a: '1' } });
    const input = { MetadataDirective: 'REPLACE', Metadata: { b: '2' }, ContentType: 'text/new' } as const;
    const { where } = await copy(world, `${Bucket}/${Key}`, input);
    const got = await get(world, where);
    expect(got.Metadata).toEqual({ b: '2' });
    expect(got.ContentType).toBe('text/new');
  },
  'metadata.unknown-directive-is-refused': async (world) => {
    const { Bucket, Key } = await put(world);
    const headers = [
      ['x-amz-copy-source', `${Bucket}/${Key}`],
      ['x-amz-metadata-directive', 'MERGE'],
    ] as const;
    const reply = await world.ask({ method: 'PUT', bucket: Bucket, key: world.key(), headers });
    refusal(reply, 400, 'InvalidArgument');
  },
  'onto-itself.unchanged-is-refused': async (world) => {
    const { Bucket, Key } = await put(world);
    await refused(copy(world, `${Bucket}/${Key}`, { Bucket, Key }), 400, 'InvalidRequest');
  },
  'onto-itself.with-new-metadata': async (world) => {
    const { Bucket, Key } = await put(world);
    await copy(world, `${Bucket}/${Key}`, {
      Bucket,
      Key,
      MetadataDirective: 'REPLACE',
      Metadata: { b: '2' },
    });
    expect(await get(world, { Bucket, Key })).toMatchObject({ text: 'content', Metadata: { b: '2' } });
  },
  'tags.copied': async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Tagging: 'a=1' });
    const { where } = await copy(world, `${Bucket}/${Key}`);
    expect((await world.s3.send(new GetObjectTaggingCommand(where))).TagSet).toEqual([
      { Key: 'a', Value: '1' },
    ]);
  },
  'tags.replaced': async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Tagging: 'a=1' });
    const { where } = await copy(world, `${Bucket}/${Key}`, { TaggingDirective: 'REPLACE', Tagging: 'b=2' });
    expect((await world.s3.send(new GetObjectTaggingCommand(where))).TagSet).toEqual([
      { Key: 'b', Value: '2' },
    ]);
  },
  'version.older-one': async (world) => {
    const { Bucket, Key, VersionId = '' } = await put(world, 'one', { Bucket: world.versioned });
    await put(world, 'two', { Bucket, Key });
    const { where, CopySourceVersionId } = await copy(world, `${Bucket}/${Key}?versionId=${VersionId}`);
    expect(CopySourceVersionId).toBe(VersionId);
    expect((await get(world, where)).text).toBe('one');
  },
  'version.of-the-copy-is-answered': async (world) => {
    const { Bucket, Key } = await put(world);
    const { where, VersionId } = await copy(world, `${Bucket}/${Key}`, { Bucket: world.versioned });
    expect((await get(world, { ...where, VersionId })).text).toBe('content');
  },
  'source.missing-key-is-404': async (world) => {
    await refused(copy(world, `${world.plain}/${world.key()}`), 404, 'NoSuchKey');
  },
  'source.missing-bucket-is-404': async (world) => {
    await refused(copy(world, `${world.bucketName()}/key`), 404, 'NoSuchBucket');
  },
  'source.deleted-is-404': from(action('UploadPartCopy'), async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Bucket: world.versioned });
    await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    await refused(copy(world, `${Bucket}/${Key}`), 404, 'NoSuchKey');
  }),
  'source.marker-by-id-is-400': from(action('UploadPartCopy'), async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Bucket: world.versioned });
    const { VersionId = '' } = await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    await refused(copy(world, `${Bucket}/${Key}?versionId=${VersionId}`), 400, 'InvalidRequest');
  }),
  'source.without-key-is-refused': async (world) => {
    await refused(copy(world, world.plain), 400, 'InvalidArgument');
  },
  'condition.if-match': condition(true, (etag) => ({ CopySourceIfMatch: etag })),
  'condition.if-match-fails': condition(false, () => ({ CopySourceIfMatch: OTHER })),
  'condition.if-none-match': condition(true, () => ({ CopySourceIfNoneMatch: OTHER })),
  'condition.if-none-match-fails-is-412': condition(false, (etag) => ({ CopySourceIfNoneMatch: etag })),
  'condition.if-modified-since-fails-is-412': condition(false, (_, modified) => ({
    CopySourceIfModifiedSince: later(modified, 0),
  })),
  'condition.if-unmodified-since-fails': condition(false, (_, modified) => ({
    CopySourceIfUnmodifiedSince: later(modified, -60),
  })),
  'condition.if-match-wins-over-unmodified': condition(true, (etag, modified) => ({
    CopySourceIfMatch: etag,
    CopySourceIfUnmodifiedSince: later(modified, -60),
  })),
});

const deleteAll = async (
  world: World,
  Bucket: string,
  Objects: { Key: string; VersionId?: string }[],
  Quiet = false,
) => await world.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet } }));

const deleteByHand = async (
  world: World,
  body: string,
  headers: readonly (readonly [string, string])[] = [],
) => await world.ask({ method: 'POST', bucket: world.plain, query: [['delete', '']], headers, body });

/** DeleteObject and DeleteObjects. */
export const deletes: readonly ConformanceCase[] = [
  ...suite('delete-object', action('DeleteObject'), {
    'is-204-without-body': async (world) => {
      const { Bucket, Key } = await put(world);
      expect(await world.ask({ method: 'DELETE', bucket: Bucket, key: Key })).toMatchObject({
        status: 204,
        text: '',
      });
    },
    'missing-key-is-204': async (world) => {
      expect((await world.ask({ method: 'DELETE', bucket: world.plain, key: world.key() })).status).toBe(204);
    },
    'missing-bucket-is-404': async (world) => {
      const reply = await world.ask({ method: 'DELETE', bucket: world.bucketName(), key: 'k' });
      refusal(reply, 404, 'NoSuchBucket');
    },
  }),
  ...suite('delete-objects', action('DeleteObjects'), {
    several: async (world) => {
      const Bucket = await world.bucket();
      for (const Key of ['a', 'b', 'c']) await put(world, 'x', { Bucket, Key });
      const { Deleted, Errors } = await deleteAll(world, Bucket, [{ Key: 'a' }, { Key: 'b' }]);
      expect(Deleted?.map(({ Key }) => Key).toSorted()).toEqual(['a', 'b']);
      expect(Errors).toBeUndefined();
      const { Contents } = await world.s3.send(new ListObjectsV2Command({ Bucket }));
      expect(Contents?.map(({ Key }) => Key)).toEqual(['c']);
    },
    'quiet-answers-nothing': async (world) => {
      const { Bucket, Key } = await put(world);
      expect((await deleteAll(world, Bucket, [{ Key }], true)).Deleted).toBeUndefined();
    },
    'missing-keys-count-as-deleted': async (world) => {
      const Key = world.key();
      expect((await deleteAll(world, world.plain, [{ Key }])).Deleted).toEqual([{ Key }]);
    },
    'versioned-makes-markers': async (world) => {
      const { Bucket, Key } = await put(world, 'x', { Bucket: world.versioned });
      const { Deleted } = await deleteAll(world, Bucket, [{ Key }]);
      expect(Deleted).toMatchObject([{ Key, DeleteMarker: true, DeleteMarkerVersionId: expect.any(String) }]);
    },
    'one-version': async (world) => {
      const { Bucket, Key, VersionId = '' } = await put(world, 'one', { Bucket: world.versioned });
      await put(world, 'two', { Bucket, Key });
      const { Deleted } = await deleteAll(world, Bucket, [{ Key, VersionId }]);
      expect(Deleted).toMatchObject([{ Key, VersionId }]);
      expect((await get(world, { Bucket, Key })).text).toBe('two');
    },
    'names-with-xml-characters': async (world) => {
      const { Bucket, Key } = await put(world, 'x', { Key: world.key(`<a>&"b"'c'`) });
      expect((await deleteAll(world, Bucket, [{ Key }])).Deleted).toEqual([{ Key }]);
      await refused(get(world, { Bucket, Key }), 404, 'NoSuchKey');
    },
    'without-md5-or-checksum-is-refused': async (world) => {
      const body = '<Delete><Object><Key>a</Key></Object></Delete>';
      refusal(await deleteByHand(world, body), 400, 'InvalidRequest');
    },
    'wrong-md5-is-refused': async (world) => {
      const body = '<Delete><Object><Key>a</Key></Object></Delete>';
      refusal(await deleteByHand(world, body, [['content-md5', md5Base64('other')]]), 400, 'BadDigest');
    },
    'malformed-is-refused': async (world) => {
      const body = '<Delete><Object><Key>a</Delete>';
      refusal(await deleteByHand(world, body, [['content-md5', md5Base64(body)]]), 400, 'MalformedXML');
    },
    'empty-list-is-refused': async (world) => {
      const body = '<Delete></Delete>';
      refusal(await deleteByHand(world, body, [['content-md5', md5Base64(body)]]), 400, 'MalformedXML');
    },
    '1000-keys': async (world) => {
      const Objects = Array.from({ length: 1000 }, (_, n) => ({ Key: `none/${n}` }));
      expect((await deleteAll(world, world.plain, Objects)).Deleted).toHaveLength(1000);
    },
    '1001-keys-are-refused': async (world) => {
      const body = `<Delete>${'<Object><Key>a</Key></Object>'.repeat(1001)}</Delete>`;
      refusal(await deleteByHand(world, body, [['content-md5', md5Base64(body)]]), 400, 'MalformedXML');
    },
  }),
];
