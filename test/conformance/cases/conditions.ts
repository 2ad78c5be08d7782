import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
} from '@aws-sdk/client-s3';
import type { GetObjectCommandInput } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { action, guide } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { get, later, put } from './tools.ts';

const WRITES = guide('conditional-writes');
const DELETES = guide('conditional-deletes');
const OTHER = '"00000000000000000000000000000000"';

/** What a condition is made of. */
interface Facts {
  readonly etag: string;
  readonly modified: Date | undefined;
}

const read =
  (status: 200 | 304 | 412, condition: (facts: Facts) => Partial<GetObjectCommandInput>) =>
  async (world: World) => {
    const { Bucket, Key, ETag } = await put(world);
    const { LastModified } = await world.s3.send(new HeadObjectCommand({ Bucket, Key }));
    const wish = { Bucket, Key, ...condition({ etag: ETag, modified: LastModified }) };
    if (status === 200) expect((await get(world, wish)).text).toBe('content');
    else await refused(world.s3.send(new GetObjectCommand(wish)), status);
  };

/** Conditional reads. */
export const conditionalReads: readonly ConformanceCase[] = suite(
  'get-object.condition',
  guide('conditional-reads'),
  {
    'if-match.same': read(200, ({ etag }) => ({ IfMatch: etag })),
    'if-match.without-quotes': read(200, ({ etag }) => ({ IfMatch: etag.replaceAll('"', '') })),
    'if-match.other-is-412': read(412, () => ({ IfMatch: OTHER })),
    'if-match.star': read(200, () => ({ IfMatch: '*' })),
    'if-match.list': read(200, ({ etag }) => ({ IfMatch: `${OTHER}, ${etag}` })),
    'if-none-match.same-is-304': read(304, ({ etag }) => ({ IfNoneMatch: etag })),
    'if-none-match.other': read(200, () => ({ IfNoneMatch: OTHER })),
    'if-none-match.star-is-304': read(304, () => ({ IfNoneMatch: '*' })),
    'if-modified-since.earlier': read(200, ({ modified }) => ({ IfModifiedSince: later(modified, -60) })),
    'if-modified-since.same-is-304': read(304, ({ modified }) => ({ IfModifiedSince: later(modified, 0) })),
    'if-unmodified-since.earlier-is-412': read(412, ({ modified }) => ({
      IfUnmodifiedSince: later(modified, -60),
    })),
    'if-unmodified-since.same': read(200, ({ modified }) => ({ IfUnmodifiedSince: later(modified, 0) })),
    'if-match-wins-over-if-unmodified-since': from(
      action('GetObject'),
      read(200, ({ etag, modified }) => ({ IfMatch: etag, IfUnmodifiedSince: later(modified, -60) })),
    ),
    'if-none-match-wins-over-if-modified-since': from(
      action('GetObject'),
      read(304, ({ etag, modified }) => ({ IfNoneMatch: etag, IfModifiedSince: later(modified, -60) })),
    ),
    '412-is-PreconditionFailed-with-body': async (world) => {
      const { Bucket, Key } = await put(world);
      refusal(
        await world.ask({ bucket: Bucket, key: Key, headers: [['if-match', OTHER]] }),
        412,
        'PreconditionFailed',
      );
    },
    '412-names-the-condition': async (world) => {
      const { Bucket, Key } = await put(world);
      const reply = await world.ask({ bucket: Bucket, key: Key, headers: [['if-match', OTHER]] });
      expect(reply.xml('Condition')).toBe('If-Match');
    },
    '304-has-no-body': async (world) => {
      const { Bucket, Key, ETag } = await put(world);
      const reply = await world.ask({ bucket: Bucket, key: Key, headers: [['if-none-match', ETag]] });
      expect(reply).toMatchObject({ status: 304, text: '' });
    },
    '304-has-the-etag': from('https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5', async (world) => {
      const { Bucket, Key, ETag } = await put(world);
      const reply = await world.ask({ bucket: Bucket, key: Key, headers: [['if-none-match', ETag]] });
      expect(reply.headers['etag']).toBe(ETag);
    }),
    'head.if-match-fails-is-412': from(action('HeadObject'), async (world) => {
      const { Bucket, Key } = await put(world);
      const reply = await world.ask({
        method: 'HEAD',
        bucket: Bucket,
        key: Key,
        headers: [['if-match', OTHER]],
      });
      expect(reply).toMatchObject({ status: 412, text: '' });
    }),
    'head.if-none-match-fails-is-304': from(action('HeadObject'), async (world) => {
      const { Bucket, Key, ETag } = await put(world);
      const reply = await world.ask({
        method: 'HEAD',
        bucket: Bucket,
        key: Key,
        headers: [['if-none-match', ETag]],
      });
      expect(reply).toMatchObject({ status: 304, text: '' });
    }),
  },
);

/** Conditional writes and deletes. */
export const conditionalWrites: readonly ConformanceCase[] = suite('put-object.condition', WRITES, {
  'if-none-match.creates': async (world) => {
    const { Bucket, Key } = await put(world, 'once', { IfNoneMatch: '*' });
    expect((await get(world, { Bucket, Key })).text).toBe('once');
  },
  'if-none-match.exists-is-412': async (world) => {
    const { Bucket, Key } = await put(world, 'first');
    await refused(put(world, 'second', { Bucket, Key, IfNoneMatch: '*' }), 412, 'PreconditionFailed');
    expect((await get(world, { Bucket, Key })).text).toBe('first');
  },
  'if-none-match.after-a-delete': async (world) => {
    const { Bucket, Key } = await put(world, 'first');
    await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    await put(world, 'second', { Bucket, Key, IfNoneMatch: '*' });
    expect((await get(world, { Bucket, Key })).text).toBe('second');
  },
  'if-none-match.after-a-delete-marker': async (world) => {
    const { Bucket, Key } = await put(world, 'first', { Bucket: world.versioned });
    await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    await put(world, 'second', { Bucket, Key, IfNoneMatch: '*' });
    expect((await get(world, { Bucket, Key })).text).toBe('second');
  },
  'if-none-match.versioned-exists-is-412': async (world) => {
    const { Bucket, Key } = await put(world, 'first', { Bucket: world.versioned });
    await refused(put(world, 'second', { Bucket, Key, IfNoneMatch: '*' }), 412, 'PreconditionFailed');
  },
  'if-none-match.an-etag-is-501': from(action('PutObject'), async (world) => {
    await refused(put(world, 'x', { IfNoneMatch: OTHER }), 501, 'NotImplemented');
  }),
  'if-none-match.two-at-once': async (world) => {
    const where = { Bucket: world.plain, Key: world.key(), IfNoneMatch: '*' };
    const calls = [1, 2, 3, 4].map(async (n) => await put(world, `writer ${n}`, where));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  },
  'if-match.same': async (world) => {
    const { Bucket, Key, ETag } = await put(world, 'first');
    await put(world, 'second', { Bucket, Key, IfMatch: ETag });
    expect((await get(world, { Bucket, Key })).text).toBe('second');
  },
  'if-match.other-is-412': async (world) => {
    const { Bucket, Key } = await put(world, 'first');
    await refused(put(world, 'second', { Bucket, Key, IfMatch: OTHER }), 412, 'PreconditionFailed');
    expect((await get(world, { Bucket, Key })).text).toBe('first');
  },
  'if-match.missing-is-404': async (world) => {
    await refused(put(world, 'x', { IfMatch: OTHER }), 404, 'NoSuchKey');
  },
  'copy.if-none-match.exists-is-412': from(action('CopyObject'), async (world) => {
    const { Bucket, Key } = await put(world, 'source');
    const target = await put(world, 'there');
    const input = { Bucket, Key: target.Key, CopySource: `${Bucket}/${Key}`, IfNoneMatch: '*' };
    await refused(world.s3.send(new CopyObjectCommand(input)), 412, 'PreconditionFailed');
  }),
  'delete.if-match.same': from(DELETES, async (world) => {
    const { Bucket, Key, ETag } = await put(world);
    await world.s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: ETag }));
    await refused(world.s3.send(new HeadObjectCommand({ Bucket, Key })), 404);
  }),
  'delete.if-match.other-is-412': from(DELETES, async (world) => {
    const { Bucket, Key } = await put(world);
    const call = world.s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: OTHER }));
    await refused(call, 412, 'PreconditionFailed');
    expect((await get(world, { Bucket, Key })).text).toBe('content');
  }),
});
