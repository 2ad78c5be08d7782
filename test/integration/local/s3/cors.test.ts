import {
  DeleteBucketCorsCommand,
  GetBucketCorsCommand,
  GetObjectCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { CORSRule } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCode, startS3 } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

const RULES: CORSRule[] = [
  {
    ID: 'app',
    AllowedOrigins: ['https://app.example.com', 'https://*.preview.example.com'],
    AllowedMethods: ['GET', 'PUT'],
    AllowedHeaders: ['content-type', 'x-amz-*'],
    ExposeHeaders: ['ETag', 'x-amz-version-id'],
    MaxAgeSeconds: 600,
  },
  { AllowedOrigins: ['*'], AllowedMethods: ['HEAD'] },
];

let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3();
  await s3.service.createBucket('bucket', { versioning: true });
  await s3.service.createBucket('closed');
  await s3.client().send(new PutObjectCommand({ Bucket: 'bucket', Key: 'k', Body: 'hello' }));
  await put(RULES);
});
afterAll(async () => await s3[Symbol.asyncDispose]());

async function put(CORSRules: CORSRule[], Bucket = 'bucket') {
  return await s3.client().send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
}

/** As a browser does it; `fetch` may not set these headers. */
async function preflight(path: string, headers: Record<string, string>) {
  return await new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>(
    (resolve, reject) => {
      const req = request(`${s3.endpoint}${path}`, { method: 'OPTIONS', headers, agent: false }, (res) => {
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (chunk: string) => (text += chunk));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }));
      });
      req.on('error', reject).end();
    },
  );
}

const asks = (origin: string, method: string, headers?: string): Record<string, string> => ({
  origin,
  'access-control-request-method': method,
  ...(headers === undefined ? {} : { 'access-control-request-headers': headers }),
});
const APP = 'https://app.example.com';

describe('the configuration', () => {
  it('is answered as it was put, and kept over a restart', async () => {
    const { CORSRules } = await s3.client().send(new GetBucketCorsCommand({ Bucket: 'bucket' }));
    expect(CORSRules).toEqual(RULES);
    const other = await startS3();
    await other.service.createBucket('kept');
    const CORSConfiguration = { CORSRules: RULES };
    await other.client().send(new PutBucketCorsCommand({ Bucket: 'kept', CORSConfiguration }));
    await other.stop();
    await using again = await startS3({ dir: other.dir });
    const kept = await again.client().send(new GetBucketCorsCommand({ Bucket: 'kept' }));
    expect(kept.CORSRules).toEqual(RULES);
  });

  it('is missing until it is put, and after it is deleted', async () => {
    const client = s3.client();
    const missing = { name: 'NoSuchCORSConfiguration', $metadata: { httpStatusCode: 404 } };
    const get = async () => await client.send(new GetBucketCorsCommand({ Bucket: 'closed' }));
    await expect(get()).rejects.toMatchObject(missing);
    await put(RULES, 'closed');
    await client.send(new DeleteBucketCorsCommand({ Bucket: 'closed' }));
    await expect(get()).rejects.toMatchObject(missing);
  });

  it.each([
    [
      { AllowedOrigins: ['*'], AllowedMethods: ['PATCH'] },
      'Found unsupported HTTP method in CORS config. Unsupported method is PATCH',
    ],
    [
      { AllowedOrigins: ['http://*.*'], AllowedMethods: ['GET'] },
      'AllowedOrigin "http://*.*" can not have more than one wildcard.',
    ],
    [
      { AllowedOrigins: ['*'], AllowedMethods: ['GET'], AllowedHeaders: ['**'] },
      'AllowedHeader "**" can not have more than one wildcard.',
    ],
    [
      { AllowedOrigins: ['*'], AllowedMethods: ['GET'], ExposeHeaders: ['x-*'] },
      'ExposeHeader "x-*" contains wildcard.',
    ],
  ])('fails for %j', async (rule, message) => {
    await expect(put([rule])).rejects.toMatchObject({
      name: 'InvalidRequest',
      message: expect.stringContaining(message),
    });
  });

  it('fails without rules, origins or methods', async () => {
    for (const rules of [
      [],
      [{ AllowedOrigins: [], AllowedMethods: ['GET'] }],
      [{ AllowedOrigins: ['*'], AllowedMethods: [] }],
    ])
      await expect(put(rules)).rejects.toMatchObject({ name: 'MalformedXML' });
  });
});

describe('a preflight', () => {
  it('is answered without a signature', async () => {
    const { status, headers } = await preflight(
      '/bucket/k',
      asks(APP, 'PUT', 'Content-Type, X-Amz-Meta-Name'),
    );
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'content-type, x-amz-meta-name',
      'access-control-expose-headers': 'ETag, x-amz-version-id',
      'access-control-max-age': '600',
      vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
      'content-length': '0',
    });
  });

  it('fits an origin with a wildcard, and everybody without credentials', async () => {
    const preview = await preflight('/bucket/k', asks('https://a.b.preview.example.com', 'GET'));
    expect(preview.headers['access-control-allow-origin']).toBe('https://a.b.preview.example.com');
    const anybody = await preflight('/bucket', asks('null', 'HEAD'));
    expect(anybody.headers['access-control-allow-origin']).toBe('*');
    expect(anybody.headers['access-control-allow-credentials']).toBeUndefined();
  });

  it.each([
    ['another origin', asks('https://evil.example.com', 'GET')],
    ['the origin with more behind it', asks(`${APP}.evil.com`, 'GET')],
    ['another method', asks(APP, 'DELETE')],
    ['another header', asks(APP, 'PUT', 'content-type, authorization')],
    ['a header where none is allowed', asks('https://x.example', 'HEAD', 'content-type')],
  ])('fails with 403 for %s', async (_title, headers) => {
    const answer = await preflight('/bucket/k', headers);
    expect([answer.status, errorCode(answer.text)]).toEqual([403, 'AccessForbidden']);
    expect(answer.text).toContain('CORSResponse: This CORS request is not allowed.');
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('fails for a bucket without rules, and for requests that are no preflight', async () => {
    for (const path of ['/closed/k', '/none/k', '/']) {
      const answer = await preflight(path, asks(APP, 'GET'));
      expect([answer.status, errorCode(answer.text)]).toEqual([403, 'AccessForbidden']);
      expect(answer.text).toContain('CORSResponse: CORS is not enabled for this bucket.');
    }
    const noOrigin = await preflight('/bucket/k', { 'access-control-request-method': 'GET' });
    expect([noOrigin.status, errorCode(noOrigin.text)]).toEqual([400, 'BadRequest']);
    const noMethod = await preflight('/bucket/k', { origin: APP });
    expect(noMethod.text).toContain('Invalid Access-Control-Request-Method: null');
  });
});

describe('an actual answer', () => {
  it('may be read by the page, be it a success or an error', async () => {
    const client = s3.client();
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: 'bucket', Key: 'k' }));
    const good = await fetch(url, { headers: { origin: APP } });
    const expected = {
      'access-control-allow-origin': APP,
      'access-control-expose-headers': 'ETag, x-amz-version-id',
      vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
    };
    expect([good.status, Object.fromEntries(good.headers)]).toMatchObject([200, expected]);
    const bad = await fetch(url.replace(/X-Amz-Signature=./, 'X-Amz-Signature=_'), {
      headers: { origin: APP },
    });
    expect([bad.status, Object.fromEntries(bad.headers)]).toMatchObject([403, expected]);
    const missing = await getSignedUrl(client, new GetObjectCommand({ Bucket: 'bucket', Key: 'none' }));
    const absent = await fetch(missing, { headers: { origin: APP } });
    expect([absent.status, absent.headers.get('access-control-allow-origin')]).toEqual([404, APP]);
    const upload = await getSignedUrl(client, new PutObjectCommand({ Bucket: 'bucket', Key: 'new' }));
    const put = await fetch(upload, { method: 'PUT', body: 'x', headers: { origin: APP } });
    expect([put.status, put.headers.get('access-control-allow-origin')]).toEqual([200, APP]);
  });

  it('says nothing to other origins, methods, or without an origin', async () => {
    const url = await getSignedUrl(s3.client(), new GetObjectCommand({ Bucket: 'bucket', Key: 'k' }));
    const headers: Record<string, string>[] = [{}, { origin: 'https://evil.example.com' }];
    for (const given of headers) {
      const answer = await fetch(url, { headers: given });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, null]);
    }
    const deleted = await fetch(url, { method: 'DELETE', headers: { origin: APP } });
    expect(deleted.headers.get('access-control-allow-origin')).toBeNull();
  });
});
