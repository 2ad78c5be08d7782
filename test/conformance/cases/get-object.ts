import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { ERRORS, action, api } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { get, pattern, put } from './tools.ts';

const OVERRIDES = {
  'cache-control': 'no-store',
  'content-disposition': 'attachment; filename="x.bin"',
  'content-encoding': 'x-other',
  'content-language': 'fr',
  'content-type': 'text/override',
  expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
};

const override = (name: keyof typeof OVERRIDES) => async (world: World) => {
  const { Bucket, Key } = await put(world, 'x', { ContentType: 'text/own' });
  const query = [[`response-${name}`, OVERRIDES[name]]] as const;
  const reply = await world.ask({ bucket: Bucket, key: Key, query });
  expect(reply.headers[name]).toBe(OVERRIDES[name]);
};

/** Whole reads: bytes, headers, overrides, what is missing. */
export const getObject: readonly ConformanceCase[] = [
  ...suite('get-object', action('GetObject'), {
    'bytes-come-back': async (world) => {
      const body = pattern(300_007);
      const { Bucket, Key, ETag } = await put(world, body);
      const got = await get(world, { Bucket, Key });
      expect(got).toMatchObject({ ContentLength: 300_007, ETag, AcceptRanges: 'bytes' });
      expect(got.bytes.equals(body)).toBe(true);
    },
    'last-modified-is-an-http-date': async (world) => {
      const { Bucket, Key } = await put(world);
      const { headers } = await world.ask({ bucket: Bucket, key: Key });
      expect(headers['last-modified']).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    },
    'missing-key-is-404': async (world) => {
      const key = world.key();
      const reply = refusal(await world.ask({ bucket: world.plain, key }), 404, 'NoSuchKey');
      expect(reply.headers['content-type']).toContain('xml');
    },
    'missing-key-is-named': from(ERRORS, async (world) => {
      const key = world.key('a&b<c>');
      expect((await world.ask({ bucket: world.plain, key })).xml('Key')).toBe(key);
    }),
    'missing-bucket-is-404': async (world) => {
      refusal(await world.ask({ bucket: world.bucketName(), key: 'k' }), 404, 'NoSuchBucket');
    },
    'missing-bucket-is-named': from(ERRORS, async (world) => {
      const bucket = world.bucketName();
      expect((await world.ask({ bucket, key: 'k' })).xml('BucketName')).toBe(bucket);
    }),
    'unversioned-names-no-version': async (world) => {
      const { Bucket, Key } = await put(world);
      const { headers } = await world.ask({ bucket: Bucket, key: Key });
      expect(headers['x-amz-version-id']).toBeUndefined();
    },
    'standard-storage-class-is-not-named': async (world) => {
      const { Bucket, Key } = await put(world, 'x', { StorageClass: 'STANDARD' });
      const { headers } = await world.ask({ bucket: Bucket, key: Key });
      expect(headers['x-amz-storage-class']).toBeUndefined();
    },
    'override.cache-control': override('cache-control'),
    'override.content-disposition': override('content-disposition'),
    'override.content-encoding': override('content-encoding'),
    'override.content-language': override('content-language'),
    'override.content-type': override('content-type'),
    'override.expires': override('expires'),
    'override.refused-when-anonymous': async (world) => {
      const { Bucket, Key } = await put(world);
      const query = [['response-content-type', 'text/plain']] as const;
      const reply = await world.askAnonymously({ bucket: Bucket, key: Key, query });
      expect([400, 403]).toContain(reply.status);
    },
  }),
  ...suite('head-object', action('HeadObject'), {
    'says-what-get-says': async (world) => {
      const { Bucket, Key, ETag } = await put(world, pattern(1000), {
        ContentType: 'text/own',
        CacheControl: 'no-cache',
        Metadata: { a: '1' },
      });
      const head = await world.s3.send(new HeadObjectCommand({ Bucket, Key }));
      const expected = { ContentLength: 1000, ETag, ContentType: 'text/own', Metadata: { a: '1' } };
      expect(head).toMatchObject({ ...expected, CacheControl: 'no-cache', AcceptRanges: 'bytes' });
    },
    'has-no-body': async (world) => {
      const { Bucket, Key } = await put(world, 'four');
      const reply = await world.ask({ method: 'HEAD', bucket: Bucket, key: Key });
      expect(reply).toMatchObject({ status: 200, text: '' });
      expect(reply.headers['content-length']).toBe('4');
    },
    'missing-is-404-without-body': async (world) => {
      const reply = await world.ask({ method: 'HEAD', bucket: world.plain, key: world.key() });
      expect(reply).toMatchObject({ status: 404, text: '' });
    },
    'missing-bucket-is-404-without-body': async (world) => {
      const reply = await world.ask({ method: 'HEAD', bucket: world.bucketName(), key: 'k' });
      expect(reply).toMatchObject({ status: 404, text: '' });
    },
    'range-is-206': from(action('HeadObject'), async (world) => {
      const { Bucket, Key } = await put(world, 'abcdef');
      const reply = await world.ask({
        method: 'HEAD',
        bucket: Bucket,
        key: Key,
        headers: [['range', 'bytes=1-3']],
      });
      expect(reply.status).toBe(206);
      expect(reply.headers['content-length']).toBe('3');
    }),
    'override.content-type': async (world) => {
      const { Bucket, Key } = await put(world, 'x', { ContentType: 'text/own' });
      const query = [['response-content-type', 'text/override']] as const;
      const reply = await world.ask({ method: 'HEAD', bucket: Bucket, key: Key, query });
      expect(reply.headers['content-type']).toBe('text/override');
    },
  }),
  ...suite('answer', api('RESTCommonResponseHeaders'), {
    'success-has-request-ids': async (world) => {
      const { Bucket, Key } = await put(world);
      const { headers } = await world.ask({ bucket: Bucket, key: Key });
      expect(headers['x-amz-request-id']).toBeTruthy();
    },
    'success-has-x-amz-id-2': async (world) => {
      const { headers } = await world.ask({ bucket: world.plain, query: [['location', '']] });
      expect(headers['x-amz-id-2']).toBeTruthy();
    },
    'request-ids-differ': async (world) => {
      const ids = new Set<string | undefined>();
      for (let i = 0; i < 3; i += 1)
        ids.add((await world.ask({ bucket: world.plain })).headers['x-amz-request-id']);
      expect(ids.size).toBe(3);
    },
    'error-names-its-request-id': from(ERRORS, async (world) => {
      const reply = await world.ask({ bucket: world.plain, key: world.key() });
      expect(reply.xml('RequestId')).toBe(reply.headers['x-amz-request-id']);
    }),
    'error-has-host-id': from(ERRORS, async (world) => {
      const reply = await world.ask({ bucket: world.plain, key: world.key() });
      expect(reply.xml('HostId')).toBeTruthy();
    }),
    'head-error-has-request-id': from(ERRORS, async (world) => {
      const reply = await world.ask({ method: 'HEAD', bucket: world.plain, key: world.key() });
      expect(reply.headers['x-amz-request-id']).toBeTruthy();
    }),
    'date-is-an-http-date': async (world) => {
      const { headers } = await world.ask({ bucket: world.plain });
      expect(Math.abs(Date.parse(headers['date'] ?? '') - Date.now())).toBeLessThan(900_000);
    },
    'xml-namespace': from(api('RESTServiceGET'), async (world) => {
      const { text } = await world.ask({ bucket: world.plain, query: [['list-type', '2']] });
      expect(text).toContain('<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">');
    }),
  }),
  ...suite('method', ERRORS, {
    'post-on-an-object-is-405': async (world) => {
      const { Bucket, Key } = await put(world);
      refusal(
        await world.ask({ method: 'POST', bucket: Bucket, key: Key, body: '' }),
        405,
        'MethodNotAllowed',
      );
    },
    'delete-on-the-service-is-405': async (world) => {
      refusal(await world.ask({ method: 'DELETE' }), 405, 'MethodNotAllowed');
    },
    'put-on-the-service-is-405': async (world) => {
      refusal(await world.ask({ method: 'PUT', body: '' }), 405, 'MethodNotAllowed');
    },
    'patch-is-405': async (world) => {
      const { Bucket, Key } = await put(world);
      refusal(
        await world.ask({ method: 'PATCH', bucket: Bucket, key: Key, body: '' }),
        405,
        'MethodNotAllowed',
      );
    },
  }),
  ...suite('anonymous', ERRORS, {
    'get-is-403': async (world) => {
      const { Bucket, Key } = await put(world);
      refusal(await world.askAnonymously({ bucket: Bucket, key: Key }), 403, 'AccessDenied');
    },
    'get-of-a-missing-key-is-403': async (world) => {
      refusal(await world.askAnonymously({ bucket: world.plain, key: world.key() }), 403, 'AccessDenied');
    },
    'head-is-403-without-body': async (world) => {
      const { Bucket, Key } = await put(world);
      const reply = await world.askAnonymously({ method: 'HEAD', bucket: Bucket, key: Key });
      expect(reply).toMatchObject({ status: 403, text: '' });
    },
    'put-is-403-and-keeps-nothing': async (world) => {
      const where = { bucket: world.plain, key: world.key() };
      refusal(await world.askAnonymously({ ...where, method: 'PUT', body: 'x' }), 403, 'AccessDenied');
      const input = { Bucket: where.bucket, Key: where.key };
      await refused(world.s3.send(new GetObjectCommand(input)), 404, 'NoSuchKey');
    },
    'delete-is-403-and-removes-nothing': async (world) => {
      const { Bucket, Key } = await put(world);
      refusal(
        await world.askAnonymously({ method: 'DELETE', bucket: Bucket, key: Key }),
        403,
        'AccessDenied',
      );
      expect((await get(world, { Bucket, Key })).text).toBe('content');
    },
    'list-is-403': async (world) => {
      refusal(await world.askAnonymously({ bucket: world.plain }), 403, 'AccessDenied');
    },
  }),
];
