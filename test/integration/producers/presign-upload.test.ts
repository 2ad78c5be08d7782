import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { FormData, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createUploadPresigner, type PresignedPostForm } from '../../../producers/presign-upload.ts';
import { sha256Hex } from '../../../shared/sigv4-encoding.ts';
import { startFixture, type Fixture } from './url-service/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(async () => {
  await fixture.close();
});

const presigner = (expiresInSeconds?: number) =>
  createUploadPresigner({
    store: fixture.stores.get('payloads'),
    clock: fixture.clock,
    credentials: {
      ...fixture.stack.credentials,
      ...(expiresInSeconds === undefined
        ? {}
        : { expiration: new Date(fixture.clock.nowMs() + expiresInSeconds * 1000) }),
    },
  });
const sizeOf = async (Key: string) =>
  (await fixture.s3.send(new HeadObjectCommand({ Bucket: 'payloads', Key }))).ContentLength;

async function send(
  form: PresignedPostForm,
  content: string,
  change: Record<string, string> = {},
): Promise<number> {
  const data = new FormData();
  for (const [name, value] of Object.entries(form.fields)) data.append(name, change[name] ?? value.reveal());
  data.append('file', new Blob([content]), 'notes.txt');
  const response = await request(form.url, { method: 'POST', body: data });
  await response.body.dump();
  return response.statusCode;
}

describe('a presigned PUT', () => {
  const put = async (
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): Promise<number> => {
    const response = await request(url, { method: 'PUT', headers, body });
    await response.body.dump();
    return response.statusCode;
  };

  it('takes the upload once', async () => {
    const { url, headers } = await presigner().presignPut({ key: 'uploads/a' });
    expect(headers).toEqual({ 'if-none-match': '*' });
    expect(await put(url.reveal(), headers, 'hello')).toBe(200);
    expect(await put(url.reveal(), headers, 'other')).toBe(412);
    expect(await sizeOf('uploads/a')).toBe(5);
  });

  it('binds type, length and checksum', async () => {
    const sha256 = Buffer.from(sha256Hex('hello'), 'hex').toString('base64');
    const signed = await presigner().presignPut({
      key: 'uploads/b',
      contentType: 'text/plain',
      sizeBytes: 5,
      checksums: { sha256 },
      writeOnce: false,
    });
    const href = signed.url.reveal();
    expect(href).not.toContain('checksum-sha256=');
    expect(await put(href, { ...signed.headers, 'content-type': 'text/html' }, 'hello')).toBe(403);
    expect(await put(href, { ...signed.headers, 'content-length': '6' }, 'hello!')).toBe(403);
    expect(await put(href, signed.headers, 'jello')).toBe(400);
    expect(await put(href, signed.headers, 'hello')).toBe(200);
  });

  it('ends with the session of its signer', async () => {
    const { issuedAt, expiresAt } = await presigner(200).presignPut({ key: 'uploads/c' });
    expect(Date.parse(expiresAt) - Date.parse(issuedAt)).toBeLessThanOrEqual(140_000);
  });
});

describe('a presigned POST form', () => {
  it('takes the upload under its exact key', async () => {
    const form = await presigner().presignPost({
      key: 'uploads/u1/notes',
      maxSizeBytes: 5,
      contentType: 'text/plain',
    });
    expect(await send(form, 'hello')).toBe(201);
    expect(await sizeOf('uploads/u1/notes')).toBe(5);
    expect(JSON.stringify(form)).not.toContain(form.fields['X-Amz-Signature']!.reveal());
  });

  it('refuses what is too large, another key or another type', async () => {
    const form = await presigner().presignPost({
      key: 'uploads/u2/notes',
      maxSizeBytes: 5,
      contentType: 'text/plain',
    });
    expect(await send(form, 'hello!')).toBe(400);
    expect(await send(form, 'hello', { key: 'uploads/u3/notes' })).toBe(403);
    expect(await send(form, 'hello', { 'Content-Type': 'text/html' })).toBe(403);
  });

  it('takes any key with its beginning, when asked to', async () => {
    const form = await presigner().presignPost({ startsWith: 'uploads/u4/', maxSizeBytes: 5 });
    expect(await send(form, 'hello')).toBe(201);
    expect(await sizeOf('uploads/u4/notes.txt')).toBe(5);
    expect(await send(form, 'hello', { key: 'uploads/u5/x' })).toBe(403);
  });

  it('expires when it says, by the injected clock', async () => {
    const form = await presigner().presignPost({ key: 'uploads/u6', maxSizeBytes: 5, ttlSeconds: 60 });
    expect(Date.parse(form.expiresAt) - Date.parse(form.issuedAt)).toBe(60_000);
    fixture.clock.offsetMs += 61_000;
    expect(await send(form, 'hello')).toBe(403);
    fixture.clock.offsetMs += 86_400_000;
    const later = await presigner().presignPost({ key: 'uploads/u7', maxSizeBytes: 5, ttlSeconds: 60 });
    expect(await send(later, 'hello')).toBe(201);
  });

  it.each([
    [{ key: 'a', maxSizeBytes: -1 }, /^maxSizeBytes: got -1/],
    [{ key: 'a', maxSizeBytes: 6 * 1024 ** 3 }, /^maxSizeBytes/],
    [{ key: 'a', maxSizeBytes: 1, ttlSeconds: 0 }, /^ttlSeconds: got 0/],
    [{ key: 'a/${filename}', maxSizeBytes: 1 }, /^key: got one with/],
    [{ startsWith: '', maxSizeBytes: 1 }, /^startsWith: got ""/],
  ])('fails on %j', async (request, message) => {
    await expect(presigner().presignPost(request as { key: string; maxSizeBytes: number })).rejects.toThrow(
      message,
    );
  });
});
