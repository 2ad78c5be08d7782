import { describe, expect, it } from 'vitest';
import { UrlServiceError } from '../../../shared/errors.ts';
import {
  createGetPresigner,
  inspectPresignedUrl,
  type GetPresignerOptions,
} from '../../../shared/presign.ts';
import { checkAccessUrl, resolveStores } from '../../../shared/stores.ts';

const nowMs = Date.parse('2026-03-01T10:00:00.700Z');
const clock = { nowMs: () => nowMs };
const store = resolveStores({
  payloads: { bucket: 'inbox', region: 'eu-central-1', endpoint: 'http://127.0.0.1:9' },
}).get('payloads');
const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
const key = 'payloads/billing/a b/ü.bin';

const presigner = (options: Partial<GetPresignerOptions> = {}) =>
  createGetPresigner({ store, credentials: keys, clock, ...options });
const endingIn = (seconds: number) => ({
  ...keys,
  sessionToken: 'token',
  expiration: new Date(Date.parse('2026-03-01T10:00:00Z') + seconds * 1000),
});

describe('a presigned GET', () => {
  it('names origin, bucket, key and version, and lives 15 minutes from the second it was signed in', async () => {
    const access = await presigner().presign({ key, versionId: 'v1' });
    checkAccessUrl(access.url.reveal(), store, { store: 'payloads', key, versionId: 'v1' });
    expect(access).toMatchObject({
      method: 'GET',
      issuedAt: '2026-03-01T10:00:00.000Z',
      expiresAt: '2026-03-01T10:15:00.000Z',
    });
    expect(access.headers).toBeUndefined();
    expect(JSON.stringify(access)).not.toContain('X-Amz');
  });

  it('has no checksum parameter and no caller unless one is given', async () => {
    const url = new URL((await presigner().presign({ key, versionId: 'v1' })).url.reveal());
    const names = [...url.searchParams.keys()].map((name) => name.toLowerCase());
    expect(names.filter((name) => /checksum|caller/.test(name))).toEqual([]);
    expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('host');
  });

  it('carries its caller exactly once, and the call outranks the presigner', async () => {
    const made = presigner({ caller: 'archive' });
    const callers = async (caller?: string) =>
      new URL((await made.presign({ key, versionId: 'v1', caller })).url.reveal()).searchParams.getAll(
        'x-waybill-caller',
      );
    expect(await callers()).toEqual(['archive']);
    expect(await callers('a&b=c')).toEqual(['a&b=c']);
    expect(await callers()).toEqual(['archive']);
  });

  it('leads to the newest version only when that is said aloud', async () => {
    const { url } = await presigner().presign({ key, versionId: undefined });
    expect(new URL(url.reveal()).searchParams.has('versionId')).toBe(false);
  });

  it('can ask for a content disposition', async () => {
    const { url } = await presigner().presign({
      key,
      versionId: 'v1',
      responseContentDisposition: 'attachment',
    });
    expect(new URL(url.reveal()).searchParams.get('response-content-disposition')).toBe('attachment');
  });

  it('ends a margin before the session of its signer, and says so', async () => {
    const access = await presigner({ credentials: endingIn(300) }).presign({ key, versionId: 'v1' });
    expect(access.expiresAt).toBe('2026-03-01T10:04:00.000Z');
    expect(new URL(access.url.reveal()).searchParams.get('X-Amz-Expires')).toBe('240');
    const short = await presigner({ credentials: endingIn(300), credentialMarginSeconds: 0 }).presign({
      key,
      versionId: 'v1',
    });
    expect(short.expiresAt).toBe('2026-03-01T10:05:00.000Z');
  });

  it('is not shortened by a session that ends later', async () => {
    const access = await presigner({ credentials: endingIn(961) }).presign({ key, versionId: 'v1' });
    expect(access.expiresAt).toBe('2026-03-01T10:15:00.000Z');
  });

  it('fails when the session ends within the margin', async () => {
    const promise = presigner({ credentials: endingIn(60) }).presign({ key, versionId: 'v1' });
    await expect(promise).rejects.toThrow(UrlServiceError);
    await expect(promise).rejects.toThrow(
      /session ends at 2026-03-01T10:01:00.000Z, expected more than 60 s/,
    );
    const last = await presigner({ credentials: endingIn(61) }).presign({ key, versionId: 'v1' });
    expect(last.expiresAt).toBe('2026-03-01T10:00:01.000Z');
  });

  it('fails with the cause when there are no credentials', async () => {
    const credentials = () => Promise.reject(new Error('no metadata service'));
    const promise = presigner({ credentials }).presign({ key, versionId: 'v1' });
    await expect(promise).rejects.toMatchObject({
      code: 'url-service',
      cause: { message: 'no metadata service' },
    });
  });

  it('uses new credentials as soon as the provider has them', async () => {
    let serial = 0;
    const credentials = async () => ({ ...endingIn(3600), accessKeyId: `AKID${(serial += 1)}` });
    const made = presigner({ credentials, credentialMarginSeconds: 0 });
    const signers = new Set<string | undefined>();
    for (let i = 0; i < 3; i += 1) {
      const { url } = await made.presign({ key, versionId: 'v1' });
      signers.add(inspectPresignedUrl(url.reveal(), nowMs).accessKeyId);
    }
    expect(signers.size).toBeGreaterThan(1);
  });

  it.each([0, -1, 604_801, 1.5, Number.NaN])('fails on a life of %s seconds', async (ttlSeconds) => {
    await expect(presigner().presign({ key, versionId: 'v1', ttlSeconds })).rejects.toThrow(
      new RangeError(`ttlSeconds: got ${ttlSeconds}, expected an integer from 1 to 604800 s`),
    );
  });

  it.each([1, 604_800])('may live %s seconds', async (ttlSeconds) => {
    const { issuedAt, expiresAt } = await presigner().presign({ key, versionId: 'v1', ttlSeconds });
    expect(Date.parse(expiresAt) - Date.parse(issuedAt)).toBe(ttlSeconds * 1000);
  });

  it('fails without key or version', async () => {
    await expect(presigner().presign({ key: '', versionId: 'v1' })).rejects.toThrow(TypeError);
    await expect(presigner().presign({ key, versionId: '' })).rejects.toThrow(TypeError);
  });
});

describe('inspection of a presigned URL', () => {
  const signed = async () =>
    (await presigner({ caller: 'archive' }).presign({ key, versionId: 'v1' })).url.reveal();

  it('tells all but the signature', async () => {
    const href = await signed();
    const report = inspectPresignedUrl(href, nowMs);
    expect(report).toMatchObject({
      address: 'http://127.0.0.1:9/inbox/payloads/billing/a%20b/%C3%BC.bin',
      algorithm: 'AWS4-HMAC-SHA256',
      accessKeyId: 'AKIDEXAMPLE',
      temporaryCredentials: false,
      date: '20260301',
      region: 'eu-central-1',
      service: 's3',
      signedHeaders: ['host'],
      issuedAtMs: Date.parse('2026-03-01T10:00:00Z'),
      expiresAtMs: Date.parse('2026-03-01T10:15:00Z'),
      lifeLeftMs: 899_300,
      versionId: 'v1',
      caller: 'archive',
      problems: [],
    });
    expect(JSON.stringify(report)).not.toContain(new URL(href).searchParams.get('X-Amz-Signature'));
  });

  it('tells that it expired, or is not yet valid', async () => {
    const href = await signed();
    expect(inspectPresignedUrl(href, nowMs + 900_000).problems).toEqual([
      'it expired at 2026-03-01T10:15:00.000Z',
    ]);
    expect(inspectPresignedUrl(href, nowMs - 60_000).problems).toEqual([
      'it is not valid before 2026-03-01T10:00:00.000Z: one of the clocks is wrong',
    ]);
  });

  it.each([
    ['X-Amz-Signature', undefined, /X-Amz-Signature is missing/],
    ['X-Amz-Expires', '604801', /at most 604800 s/],
    ['X-Amz-Expires', 'soon', /X-Amz-Expires is malformed/],
    ['X-Amz-Date', '2026-03-01', /X-Amz-Date is malformed/],
    ['X-Amz-Credential', 'AKID/20260301', /X-Amz-Credential is malformed/],
    ['X-Amz-Credential', 'AKID/20260302/eu-central-1/s3/aws4_request', /credential date 20260302 differs/],
    ['X-Amz-Credential', 'AKID/20260301/eu-central-1/lambda/aws4_request', /service lambda, expected s3/],
    ['X-Amz-Algorithm', 'AWS3', /X-Amz-Algorithm is AWS3/],
    ['X-Amz-SignedHeaders', 'range', /host is not among/],
  ])('finds what is wrong with %s = %s', async (name, value, problem) => {
    const url = new URL(await signed());
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
    const { problems } = inspectPresignedUrl(url.href, nowMs);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it('says of a plain URL that it is not presigned, and fails on what is no URL', () => {
    expect(inspectPresignedUrl('https://example.com/a', nowMs).problems).toHaveLength(6);
    expect(() => inspectPresignedUrl('nonsense', nowMs)).toThrow(TypeError);
  });
});
