import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { expect } from 'vitest';
import { refusal } from '../expect-error.ts';
import { PRESIGN, action, guide } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import type { PresignAsk } from '../wire/signed.ts';
import { part, start } from './multipart-tools.ts';
import { get, put } from './tools.ts';

const EXPIRY = guide('using-presigned-url');

/** A presigned GET of a fresh object, with departures. */
async function getIt(world: World, wish: Partial<PresignAsk> = {}) {
  const { Bucket, Key } = await put(world, '0123456789');
  return await world.askPresigned({ bucket: Bucket, key: Key, ...wish });
}

const denied = (status: number, code: string, wish: Partial<PresignAsk>) => async (world: World) => {
  refusal(await getIt(world, wish), status, code);
};

const replaced = (from: RegExp | string, to: string): Partial<PresignAsk> => ({
  tamper: (sent) => {
    sent.target = sent.target.replace(from, to);
  },
});

/** URLs that carry their signature. */
export const presigned: readonly ConformanceCase[] = suite('presigned', PRESIGN, {
  get: async (world) => {
    expect(await getIt(world)).toMatchObject({ status: 200, text: '0123456789' });
  },
  'get.virtual-hosted': async (world) => {
    expect(await getIt(world, { style: 'virtual' })).toMatchObject({ status: 200, text: '0123456789' });
  },
  'get.range-need-not-be-signed': async (world) => {
    expect(await getIt(world, { unsigned: [['range', 'bytes=2-4']] })).toMatchObject({
      status: 206,
      text: '234',
    });
  },
  'get.condition-need-not-be-signed': async (world) => {
    const unsigned = [['if-match', '"00000000000000000000000000000000"']] as const;
    refusal(await getIt(world, { unsigned }), 412, 'PreconditionFailed');
  },
  'get.twice': async (world) => {
    const { Bucket, Key } = await put(world);
    const wish = { bucket: Bucket, key: Key };
    expect((await world.askPresigned(wish)).status).toBe(200);
    expect((await world.askPresigned(wish)).status).toBe(200);
  },
  'get.by-the-sdk': async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Key: world.key('a b+c%d/ü') });
    const url = await getSignedUrl(world.s3, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([200, 'x']);
  },
  'get.one-version': async (world) => {
    const { Bucket, Key, VersionId = '' } = await put(world, 'one', { Bucket: world.versioned });
    await put(world, 'two', { Bucket, Key });
    const query = [['versionId', VersionId]] as const;
    expect((await world.askPresigned({ bucket: Bucket, key: Key, query })).text).toBe('one');
  },
  'get.content-disposition': from(action('GetObject'), async (world) => {
    const query = [['response-content-disposition', 'attachment; filename="a b.txt"']] as const;
    const { headers } = await getIt(world, { query });
    expect(headers['content-disposition']).toBe('attachment; filename="a b.txt"');
  }),
  'get.unknown-x-parameter-is-ignored': from(guide('LogFormat'), async (world) => {
    expect((await getIt(world, { query: [['x-own-parameter', 'partner 7']] })).status).toBe(200);
  }),
  'get.signed-header-sent': async (world) => {
    expect((await getIt(world, { headers: [['x-amz-meta-own', 'a']] })).status).toBe(200);
  },
  'get.signed-header-missing-is-403': denied(403, 'SignatureDoesNotMatch', { phantom: [['x-own', 'a']] }),
  'get.checksum-mode-as-header': from(action('GetObject'), async (world) => {
    const { Bucket, Key } = await put(world, 'x', { ChecksumAlgorithm: 'CRC32' });
    const headers = [['x-amz-checksum-mode', 'ENABLED']] as const;
    const reply = await world.askPresigned({ bucket: Bucket, key: Key, headers });
    expect(reply.headers['x-amz-checksum-crc32']).toBeTruthy();
  }),
  head: async (world) => {
    const reply = await getIt(world, { method: 'HEAD' });
    expect({ status: reply.status, length: reply.headers['content-length'] }).toEqual({
      status: 200,
      length: '10',
    });
  },
  'get-url-used-for-head-is-403': async (world) => {
    const tamper: PresignAsk['tamper'] = (sent) => {
      sent.method = 'HEAD';
    };
    expect((await getIt(world, { tamper })).status).toBe(403);
  },
  put: async (world) => {
    const where = { bucket: world.plain, key: world.key() };
    expect((await world.askPresigned({ ...where, method: 'PUT', body: 'by URL' })).status).toBe(200);
    expect((await get(world, { Bucket: where.bucket, Key: where.key })).text).toBe('by URL');
  },
  'put.by-the-sdk': async (world) => {
    const where = { Bucket: world.plain, Key: world.key('a b+c%d/ü') };
    const command = new PutObjectCommand({ ...where, ContentType: 'text/own' });
    const url = await getSignedUrl(world.s3, command, { signableHeaders: new Set(['content-type']) });
    const response = await fetch(url, { method: 'PUT', body: 'x', headers: { 'content-type': 'text/own' } });
    expect(response.status).toBe(200);
    expect(await get(world, where)).toMatchObject({ text: 'x', ContentType: 'text/own' });
  },
  'put.other-content-type-than-signed-is-403': async (world) => {
    const where = { bucket: world.plain, key: world.key(), method: 'PUT', body: 'x' };
    const tamper: PresignAsk['tamper'] = ({ headers }) => {
      for (const header of headers) if (header[0] === 'content-type') header[1] = 'text/html';
    };
    const reply = await world.askPresigned({ ...where, headers: [['content-type', 'text/own']], tamper });
    refusal(reply, 403, 'SignatureDoesNotMatch');
  },
  'put.signed-condition': from(guide('conditional-writes'), async (world) => {
    const { Bucket, Key } = await put(world);
    const headers = [['if-none-match', '*']] as const;
    const reply = await world.askPresigned({ bucket: Bucket, key: Key, method: 'PUT', body: 'x', headers });
    refusal(reply, 412, 'PreconditionFailed');
  }),
  'put.signed-length-differs-is-403': async (world) => {
    const where = { bucket: world.plain, key: world.key(), method: 'PUT', body: 'four' };
    const tamper: PresignAsk['tamper'] = ({ headers }) => {
      for (const header of headers) if (header[0] === 'content-length') header[1] = '4';
    };
    const reply = await world.askPresigned({ ...where, headers: [['content-length', '3']], tamper });
    refusal(reply, 403, 'SignatureDoesNotMatch');
  },
  'upload-part': from(action('UploadPart'), async (world) => {
    const { Bucket, Key, UploadId } = await start(world);
    const query = [
      ['partNumber', '1'],
      ['uploadId', UploadId],
    ] as const;
    const reply = await world.askPresigned({ method: 'PUT', bucket: Bucket, key: Key, query, body: 'part' });
    expect(reply.status).toBe(200);
    expect(reply.headers['etag']).toBeTruthy();
  }),
  'upload-part.other-number-than-signed-is-403': from(action('UploadPart'), async (world) => {
    const upload = await start(world);
    await part(world, upload, 1, 'x');
    const query = [
      ['partNumber', '1'],
      ['uploadId', upload.UploadId],
    ] as const;
    const where = { method: 'PUT', bucket: upload.Bucket, key: upload.Key, body: 'part' };
    const reply = await world.askPresigned({ ...where, query, ...replaced('partNumber=1', 'partNumber=2') });
    refusal(reply, 403, 'SignatureDoesNotMatch');
  }),
  delete: async (world) => {
    const { Bucket, Key } = await put(world);
    expect((await world.askPresigned({ method: 'DELETE', bucket: Bucket, key: Key })).status).toBe(204);
  },
  'expired-is-403': from(EXPIRY, denied(403, 'AccessDenied', { skewMs: -120_000, expiresSeconds: 60 })),
  'expired-says-so': from(EXPIRY, async (world) => {
    const reply = await getIt(world, { skewMs: -120_000, expiresSeconds: 60 });
    expect(reply.xml('Message')).toBe('Request has expired');
    expect(reply.xml('X-Amz-Expires')).toBe('60');
    expect(Date.parse(reply.xml('Expires') ?? '')).toBeLessThan(Date.parse(reply.xml('ServerTime') ?? ''));
  }),
  'expired-put-is-403-and-keeps-nothing': from(EXPIRY, async (world) => {
    const where = { bucket: world.plain, key: world.key() };
    const wish = { ...where, method: 'PUT', body: 'x', skewMs: -120_000, expiresSeconds: 60 };
    refusal(await world.askPresigned(wish), 403, 'AccessDenied');
    expect((await world.ask(where)).status).toBe(404);
  }),
  'old-but-not-expired': async (world) => {
    expect((await getIt(world, { skewMs: -3_600_000, expiresSeconds: 7200 })).status).toBe(200);
  },
  'week-long': async (world) => {
    expect((await getIt(world, { expiresSeconds: 604_800 })).status).toBe(200);
  },
  'longer-than-a-week-is-400': denied(400, 'AuthorizationQueryParametersError', { expiresSeconds: 604_801 }),
  'negative-life-is-400': denied(400, 'AuthorizationQueryParametersError', { expiresSeconds: -1 }),
  'life-not-a-number-is-400': denied(400, 'AuthorizationQueryParametersError', { expiresSeconds: 'soon' }),
  'signed-in-the-future-is-403': denied(403, 'AccessDenied', { skewMs: 3_600_000 }),
  'unknown-key-is-403': denied(403, 'InvalidAccessKeyId', { scope: { accessKeyId: 'AKIANOBODYKNOWSTHIS1' } }),
  'wrong-secret-is-403': denied(403, 'SignatureDoesNotMatch', { scope: { secretAccessKey: 'guess' } }),
  'wrong-region-is-400': denied(400, 'AuthorizationQueryParametersError', { scope: { region: 'xx-none-9' } }),
  'wrong-service-is-400': denied(400, 'AuthorizationQueryParametersError', { scope: { service: 'sqs' } }),
  'wrong-credential-date-is-400': denied(400, 'AuthorizationQueryParametersError', {
    scope: { date: '20200101' },
  }),
  'wrong-algorithm-is-400': denied(400, 'AuthorizationQueryParametersError', {
    parameters: { 'X-Amz-Algorithm': 'AWS4-HMAC-SHA1' },
  }),
  'malformed-credential-is-400': denied(400, 'AuthorizationQueryParametersError', {
    parameters: { 'X-Amz-Credential': 'nothing' },
  }),
  'malformed-date-is-400': denied(400, 'AuthorizationQueryParametersError', {
    parameters: { 'X-Amz-Date': 'yesterday' },
  }),
  'without-date-is-400': denied(400, 'AuthorizationQueryParametersError', {
    parameters: { 'X-Amz-Date': undefined },
  }),
  'without-life-is-400': denied(400, 'AuthorizationQueryParametersError', {
    parameters: { 'X-Amz-Expires': undefined },
  }),
  'tampered.key-is-403': denied(403, 'SignatureDoesNotMatch', replaced('/object', '/objecT')),
  'tampered.life-is-403': denied(
    403,
    'SignatureDoesNotMatch',
    replaced('X-Amz-Expires=300', 'X-Amz-Expires=3000'),
  ),
  'tampered.parameter-added-is-403': denied(403, 'SignatureDoesNotMatch', replaced('?', '?versionId=null&')),
  'tampered.signature-is-403': denied(
    403,
    'SignatureDoesNotMatch',
    replaced(/Signature=.{8}/, 'Signature=00000000'),
  ),
  'tampered.host-is-403': async (world) => {
    const tamper: PresignAsk['tamper'] = ({ headers }) => {
      for (const header of headers) if (header[0] === 'host') header[1] = `other-${header[1]}`;
    };
    expect((await getIt(world, { tamper })).status).toBe(403);
  },
  'method-changed-is-403': async (world) => {
    const tamper: PresignAsk['tamper'] = (sent) => {
      sent.method = 'DELETE';
    };
    refusal(await getIt(world, { tamper }), 403, 'SignatureDoesNotMatch');
  },
  'amz-header-not-signed-is-403': denied(403, 'AccessDenied', { unsigned: [['x-amz-meta-own', 'a']] }),
  'amz-header-not-signed-is-named': async (world) => {
    const reply = await getIt(world, { unsigned: [['x-amz-meta-own', 'a']] });
    expect(reply.xml('HeadersNotSigned')).toBe('x-amz-meta-own');
  },
  'with-authorization-header-is-400': denied(400, 'InvalidArgument', {
    unsigned: [
      [
        'authorization',
        'AWS4-HMAC-SHA256 Credential=a/20260101/b/s3/aws4_request, SignedHeaders=host, Signature=00',
      ],
    ],
  }),
  'bearer-token-is-400': denied(400, 'InvalidArgument', { unsigned: [['authorization', 'Bearer abc']] }),
  'parameters-in-any-order': async (world) => {
    const tamper: PresignAsk['tamper'] = (sent) => {
      const [path = '', query = ''] = sent.target.split('?');
      sent.target = `${path}?${query.split('&').toReversed().join('&')}`;
    };
    expect((await getIt(world, { tamper })).status).toBe(200);
  },
});
