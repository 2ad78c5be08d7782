import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { crc32c, crc32cToBase64 } from '../../../../shared/crc32c.ts';
import { errorCode, pattern, sessionCredentials, startS3 } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

const body = pattern(100_000);
let s3: S3Server;
const target = { Bucket: 'bucket', Key: 'a file+%.bin' };

beforeAll(async () => {
  s3 = await startS3();
  await s3.service.createBucket('bucket', { versioning: true });
  await s3.client().send(new PutObjectCommand({ ...target, Body: body }));
});
afterEach(() => {
  s3.clock.shiftMs = 0;
  s3.faults.clear();
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
});

async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
}

const sign = async (expiresIn = 60): Promise<string> =>
  getSignedUrl(s3.client(), new GetObjectCommand(target), { expiresIn });

describe('presigned requests', () => {
  it('serves GET, HEAD, PUT and DELETE', async () => {
    const { response, bytes } = await get(await sign());
    expect(response.status).toBe(200);
    expect(bytes.equals(body)).toBe(true);
    const head = await fetch(await getSignedUrl(s3.client(), new HeadObjectCommand(target)), {
      method: 'HEAD',
    });
    expect(head.headers.get('content-length')).toBe('100000');
    const other = { Bucket: 'bucket', Key: 'put by url' };
    // The default puts a checksum of nothing into the query, which S3 ignores.
    const put = await fetch(await getSignedUrl(s3.client(), new PutObjectCommand(other)), {
      method: 'PUT',
      body: 'hello',
    });
    expect(put.status).toBe(200);
    expect(put.headers.get('etag')).toBe(`"${createHash('md5').update('hello').digest('hex')}"`);
    const gone = await fetch(await getSignedUrl(s3.client(), new DeleteObjectCommand(other)), {
      method: 'DELETE',
    });
    expect(gone.status).toBe(204);
  });

  it('holds a signed checksum header against the bytes', async () => {
    const put = new PutObjectCommand({
      ...target,
      Key: 'checked',
      ChecksumCRC32C: crc32cToBase64(crc32c(Buffer.from('right'))),
    });
    const name = 'x-amz-checksum-crc32c';
    const url = await getSignedUrl(s3.client(), put, { unhoistableHeaders: new Set([name]) });
    const send = async (text: string): Promise<Response> =>
      fetch(url, { method: 'PUT', body: text, headers: { [name]: put.input.ChecksumCRC32C! } });
    expect(errorCode(await (await send('wrong')).text())).toBe('BadDigest');
    expect((await send('right')).status).toBe(200);
  });

  it('fails exactly as S3 once the URL has expired', async () => {
    const url = await sign(60);
    s3.clock.shiftMs = 62_000;
    const { response, bytes } = await get(url);
    expect(response.status).toBe(403);
    expect(bytes.toString()).toMatch(
      /<Code>AccessDenied<\/Code><Message>Request has expired<\/Message><X-Amz-Expires>60<\/X-Amz-Expires><Expires>[\d-]+T[\d:]+Z<\/Expires><ServerTime>[\d-]+T[\d:]+Z<\/ServerTime>/,
    );
  });

  it('fails as expired when the fault switch says so', async () => {
    s3.faults.add({ match: { operation: 'GetObject', presigned: true }, faults: { kind: 'expire-now' } });
    const url = await sign(3600);
    expect((await get(url)).bytes.toString()).toContain('Request has expired');
    expect((await get(url)).response.status).toBe(200);
  });

  it('fails while the URL is not yet valid', async () => {
    const url = await sign();
    s3.clock.shiftMs = -20 * 60_000;
    expect((await get(url)).bytes.toString()).toContain('<Message>Request is not yet valid</Message>');
  });

  it('fails for a changed signature, parameter, path, method or unsigned header', async () => {
    const url = await sign();
    const tampered = [
      url.replace(/X-Amz-Signature=./, (text) =>
        text.endsWith('0') ? `${text.slice(0, -1)}1` : `${text.slice(0, -1)}0`,
      ),
      url.replace('X-Amz-Expires=60', 'X-Amz-Expires=61'),
      `${url}&versionId=null`,
      url.replace('a%20file', 'b%20file'),
    ];
    for (const wrong of tampered) {
      const { response, bytes } = await get(wrong);
      expect([response.status, errorCode(bytes.toString())]).toEqual([403, 'SignatureDoesNotMatch']);
    }
    const head = await fetch(url, { method: 'HEAD' });
    expect(head.status).toBe(403);
    const unsigned = await get(url, { 'x-amz-meta-more': '1' });
    expect(unsigned.bytes.toString()).toContain('<HeadersNotSigned>x-amz-meta-more</HeadersNotSigned>');
    const eager = await get(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=604801'));
    expect(errorCode(eager.bytes.toString())).toBe('AuthorizationQueryParametersError');
  });

  it('refuses anonymous requests and unknown keys', async () => {
    const { response, bytes } = await get(`${s3.endpoint}/bucket/x`);
    expect([response.status, errorCode(bytes.toString())]).toEqual([403, 'AccessDenied']);
    const url = (await sign()).replace('AKIDLOCAL', 'AKIDOTHER');
    expect(errorCode((await get(url)).bytes.toString())).toBe('InvalidAccessKeyId');
  });

  it('honours session tokens', async () => {
    const client = s3.client({ credentials: sessionCredentials });
    const url = await getSignedUrl(client, new GetObjectCommand(target));
    expect((await get(url)).response.status).toBe(200);
    const forged = s3.client({ credentials: { ...sessionCredentials, sessionToken: 'other' } });
    const wrong = await get(await getSignedUrl(forged, new GetObjectCommand(target)));
    expect(errorCode(wrong.bytes.toString())).toBe('InvalidToken');
  });

  it('finds the bucket in the host', async () => {
    const client = s3.client({ endpoint: `http://localhost:${s3.port}`, forcePathStyle: false });
    const url = new URL(await getSignedUrl(client, new GetObjectCommand(target)));
    expect(url.hostname).toBe('bucket.localhost');
    const status = await new Promise((resolve, reject) => {
      request(
        {
          host: '127.0.0.1',
          port: s3.port,
          path: url.pathname + url.search,
          headers: { host: url.host },
        },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      )
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
  });

  it('answers 501 to what it does not know, and touches nothing', async () => {
    for (const query of ['acl', 'torrent', 'retention', 'made-up']) {
      const { response } = await get(`${s3.endpoint}/bucket/x?${query}`);
      expect(response.status).toBe(501);
      const put = await fetch(`${s3.endpoint}/bucket/x?${query}`, { method: 'PUT', body: 'x' });
      expect(put.status).toBe(501);
    }
  });
});

describe('ranges', () => {
  it.each([
    ['bytes=0-0', 206, 0, 1],
    ['bytes=10-19', 206, 10, 20],
    ['bytes=99990-', 206, 99_990, 100_000],
    ['bytes=-5', 206, 99_995, 100_000],
    ['bytes=-200000', 206, 0, 100_000],
    ['bytes=99999-200000', 206, 99_999, 100_000],
    ['bytes=0-1,5-6', 200, 0, 100_000],
    ['bytes=5-1', 200, 0, 100_000],
    ['lines=0-1', 200, 0, 100_000],
  ] as const)('answers %s with %i', async (range, status, start, end) => {
    const { response, bytes } = await get(await sign(), { range });
    expect(response.status).toBe(status);
    expect(bytes.equals(body.subarray(start, end))).toBe(true);
    if (status === 206) {
      expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/100000`);
    }
  });

  it.each(['bytes=100000-', 'bytes=-0'])('answers %s with 416', async (range) => {
    const { response, bytes } = await get(await sign(), { range });
    expect(response.status).toBe(416);
    expect(bytes.toString()).toContain('<ActualObjectSize>100000</ActualObjectSize>');
  });

  it('answers the whole when If-Range names other bytes', async () => {
    const { response } = await get(await sign(), { range: 'bytes=0-0', 'if-range': '"other"' });
    expect(response.status).toBe(200);
  });

  it('obeys the fault switch', async () => {
    const range = { range: 'bytes=10-19' };
    const once = (faults: Parameters<typeof s3.faults.add>[0]['faults']): void => {
      s3.faults.add({ match: { operation: 'GetObject' }, faults });
    };
    once({ kind: 'ignore-range' });
    expect((await get(await sign(), range)).response.status).toBe(200);
    once({ kind: 'wrong-range' });
    const shifted = await get(await sign(), range);
    expect(shifted.response.headers.get('content-range')).toBe('bytes 11-19/100000');
    once({ kind: 'wrong-etag' });
    const etag = `"${createHash('md5').update(body).digest('hex')}"`;
    expect((await get(await sign())).response.headers.get('etag')).not.toBe(etag);
    once({ kind: 'status', status: 503 });
    const slow = await get(await sign());
    expect([slow.response.status, errorCode(slow.bytes.toString())]).toEqual([503, 'SlowDown']);
    once({ kind: 'flip-byte', at: 3 });
    expect((await get(await sign())).bytes.equals(body)).toBe(false);
    once({ kind: 'cut', afterBytes: 1000 });
    await expect(get(await sign())).rejects.toBeInstanceOf(Error);
  });

  it('applies a write whose answer is dropped', async () => {
    const other = { Bucket: 'bucket', Key: 'dropped' };
    s3.faults.add({ match: { operation: 'PutObject' }, faults: { kind: 'drop-response' } });
    await expect(s3.client().send(new PutObjectCommand({ ...other, Body: 'kept' }))).rejects.toBeInstanceOf(
      Error,
    );
    const got = await s3.client().send(new GetObjectCommand(other));
    expect(await got.Body!.transformToString()).toBe('kept');
  });
});

describe('POST forms', () => {
  async function post(
    change: (form: FormData) => void = () => {},
    file = 'hello',
  ): Promise<{ status: number; text: string; headers: Headers }> {
    const { url, fields } = await createPresignedPost(s3.client(), {
      Bucket: 'bucket',
      Key: 'forms/${filename}',
      Conditions: [
        ['content-length-range', 2, 10],
        ['starts-with', '$Content-Type', 'text/'],
        ['eq', '$x-amz-meta-who', 'me'],
      ],
      Fields: { 'Content-Type': 'text/plain', 'x-amz-meta-who': 'me', success_action_status: '201' },
      Expires: 60,
    });
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    change(form);
    form.set('file', new Blob([file]), 'name & more.txt');
    const response = await fetch(url, { method: 'POST', body: form });
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  it('stores what the policy allows', async () => {
    const { status, text } = await post();
    expect(text).toContain('<Key>forms/name &amp; more.txt</Key>');
    expect(status).toBe(201);
    const got = await s3
      .client()
      .send(new GetObjectCommand({ Bucket: 'bucket', Key: 'forms/name & more.txt' }));
    expect(await got.Body!.transformToString()).toBe('hello');
    expect(got).toMatchObject({ ContentType: 'text/plain', Metadata: { who: 'me' } });
    expect(s3.events.at(-1)).toMatchObject({ reason: 'POST Object', size: 5 });
  });

  it.each<[string, (form: FormData) => void, string, string]>([
    ['a value other than eq', (form) => form.set('x-amz-meta-who', 'you'), 'AccessDenied', 'hello'],
    ['another start', (form) => form.set('Content-Type', 'image/png'), 'AccessDenied', 'hello'],
    ['a field without condition', (form) => form.set('x-amz-meta-extra', '1'), 'AccessDenied', 'hello'],
    ['another key', (form) => form.set('key', 'elsewhere'), 'AccessDenied', 'hello'],
    [
      'a wrong signature',
      (form) => form.set('X-Amz-Signature', '0'.repeat(64)),
      'SignatureDoesNotMatch',
      'hello',
    ],
    [
      'no signature',
      (form) => ['policy', 'Policy', 'X-Amz-Signature'].forEach((name) => form.delete(name)),
      'AccessDenied',
      'hello',
    ],
    ['a short file', () => {}, 'EntityTooSmall', 'x'],
    ['a long file', () => {}, 'EntityTooLarge', 'x'.repeat(11)],
  ])('fails for %s', async (_, change, code, file) => {
    const before = s3.events.length;
    const { text } = await post(change, file);
    expect(errorCode(text)).toBe(code);
    expect(s3.events).toHaveLength(before);
  });

  it('fails once the policy has expired', async () => {
    s3.clock.shiftMs = 62_000;
    const { status, text } = await post();
    expect(status).toBe(403);
    expect(text).toContain('Policy expired');
  });
});
