import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { ERRORS, SIGV4, action, guide } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import { get, md5, md5Base64, pattern, put } from './tools.ts';

const METADATA = guide('UsingMetadata');

/** Uploads in one request: integrity, headers kept, limits of metadata. */
export const putObject: readonly ConformanceCase[] = suite('put-object', action('PutObject'), {
  'etag-is-md5': async (world) => {
    const body = pattern(70_000);
    expect((await put(world, body)).ETag).toBe(`"${md5(body)}"`);
  },
  'empty-body': async (world) => {
    const { Bucket, Key, ETag } = await put(world, '');
    expect(ETag).toBe('"d41d8cd98f00b204e9800998ecf8427e"');
    expect(await get(world, { Bucket, Key })).toMatchObject({ ContentLength: 0, text: '' });
  },
  overwrites: async (world) => {
    const { Bucket, Key } = await put(world, 'first');
    await put(world, 'second', { Bucket, Key });
    expect((await get(world, { Bucket, Key })).text).toBe('second');
  },
  'missing-bucket-is-404': async (world) => {
    await refused(put(world, 'x', { Bucket: world.bucketName() }), 404, 'NoSuchBucket');
  },
  'content-md5.right': async (world) => {
    const { Bucket, Key } = await put(world, 'abc', { ContentMD5: md5Base64('abc') });
    expect((await get(world, { Bucket, Key })).text).toBe('abc');
  },
  'content-md5.wrong-is-BadDigest': from(ERRORS, async (world) => {
    await refused(put(world, 'abc', { ContentMD5: md5Base64('abd') }), 400, 'BadDigest');
  }),
  'content-md5.malformed-is-InvalidDigest': from(ERRORS, async (world) => {
    await refused(put(world, 'abc', { ContentMD5: 'bm90IGFuIG1kNQ==' }), 400, 'InvalidDigest');
  }),
  'content-md5.wrong-keeps-nothing': from(ERRORS, async (world) => {
    const where = { Bucket: world.plain, Key: world.key() };
    await refused(put(world, 'abc', { ...where, ContentMD5: md5Base64('abd') }), 400);
    await refused(world.s3.send(new HeadObjectCommand(where)), 404);
  }),
  'content-sha256.mismatch': from(SIGV4, async (world) => {
    const ask = { method: 'PUT', bucket: world.plain, key: world.key(), body: 'abc' };
    refusal(await world.ask({ ...ask, payloadHash: md5('x').repeat(2) }), 400, 'XAmzContentSHA256Mismatch');
  }),
  'content-sha256.unsigned-payload': from(SIGV4, async (world) => {
    const ask = { method: 'PUT', bucket: world.plain, key: world.key(), body: 'abc' };
    expect((await world.ask({ ...ask, payloadHash: 'UNSIGNED-PAYLOAD' })).status).toBe(200);
  }),
  'length.missing-is-411': from(ERRORS, async (world) => {
    const ask = { method: 'PUT', bucket: world.plain, key: world.key(), payloadHash: 'UNSIGNED-PAYLOAD' };
    const unsigned = [['transfer-encoding', 'chunked']] as const;
    const tamper = ({ headers }: { headers: [string, string][] }): void => {
      const at = headers.findIndex(([name]) => name === 'content-length');
      if (at !== -1) headers.splice(at, 1);
    };
    const reply = await world.ask({ ...ask, body: 'abc', unsigned, tamper });
    refusal(reply, 411, 'MissingContentLength');
  }),
  'headers.kept': async (world) => {
    const kept = {
      CacheControl: 'max-age=60, private',
      ContentDisposition: 'attachment; filename="a b.txt"',
      ContentEncoding: 'x-own',
      ContentLanguage: 'de, en',
      ContentType: 'text/x-own; charset=utf-8',
    };
    const { Bucket, Key } = await put(world, 'x', kept);
    expect(await get(world, { Bucket, Key })).toMatchObject(kept);
  },
  'headers.expires-kept-as-sent': async (world) => {
    const key = world.key();
    const headers = [['expires', 'Wed, 21 Oct 2037 07:28:00 GMT']] as const;
    await world.ask({ method: 'PUT', bucket: world.plain, key, headers, body: 'x' });
    const reply = await world.ask({ bucket: world.plain, key });
    expect(reply.headers['expires']).toBe('Wed, 21 Oct 2037 07:28:00 GMT');
  },
  'headers.content-type-defaults-to-octet-stream': async (world) => {
    const key = world.key();
    await world.ask({ method: 'PUT', bucket: world.plain, key, body: 'x' });
    const reply = await world.ask({ bucket: world.plain, key });
    expect(reply.headers['content-type']).toBe('binary/octet-stream');
  },
  'metadata.kept': from(METADATA, async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Metadata: { one: '1', 'two-words': 'a b  c' } });
    expect((await get(world, { Bucket, Key })).Metadata).toEqual({ one: '1', 'two-words': 'a b  c' });
  }),
  'metadata.names-become-lower-case': from(METADATA, async (world) => {
    const key = world.key();
    const headers = [['X-Amz-Meta-MixedCase', 'Value']] as const;
    await world.ask({ method: 'PUT', bucket: world.plain, key, headers, body: 'x' });
    expect((await get(world, { Bucket: world.plain, Key: key })).Metadata).toEqual({ mixedcase: 'Value' });
  }),
  'metadata.repeated-header-is-joined': from(METADATA, async (world) => {
    const key = world.key();
    const headers = [
      ['x-amz-meta-many', 'one'],
      ['x-amz-meta-many', 'two'],
    ] as const;
    expect((await world.ask({ method: 'PUT', bucket: world.plain, key, headers, body: 'x' })).status).toBe(
      200,
    );
    const { Metadata } = await get(world, { Bucket: world.plain, Key: key });
    expect(Metadata?.['many']?.replaceAll(' ', '')).toBe('one,two');
  }),
  'metadata.2048-bytes-fit': from(METADATA, async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Metadata: { ab: 'v'.repeat(2046) } });
    expect((await get(world, { Bucket, Key })).Metadata?.['ab']).toHaveLength(2046);
  }),
  'metadata.2049-bytes-do-not': from(METADATA, async (world) => {
    await refused(put(world, 'x', { Metadata: { ab: 'v'.repeat(2047) } }), 400, 'MetadataTooLarge');
  }),
  'metadata.replaced-by-overwriting': from(METADATA, async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Metadata: { old: '1' } });
    await put(world, 'y', { Bucket, Key, Metadata: { fresh: '2' } });
    expect((await get(world, { Bucket, Key })).Metadata).toEqual({ fresh: '2' });
  }),
  'expect-100-continue': async (world) => {
    const ask = { method: 'PUT', bucket: world.plain, key: world.key(), body: 'abc' };
    expect((await world.ask({ ...ask, unsigned: [['expect', '100-continue']] })).status).toBe(200);
  },
  'folder-object': from(guide('using-folders'), async (world) => {
    const Key = `${world.key('folder')}/`;
    await world.s3.send(new PutObjectCommand({ Bucket: world.plain, Key, Body: '' }));
    expect((await get(world, { Bucket: world.plain, Key })).ContentLength).toBe(0);
  }),
});
