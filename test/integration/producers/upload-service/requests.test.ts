import { Validator } from '@seriousme/openapi-schema-validator';
import { SignJWT, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORIGIN, PNG, startUploadFixture, type UploadFixture } from './fixture.ts';

let fixture: UploadFixture;
beforeAll(async () => {
  fixture = await startUploadFixture();
});
afterAll(async () => {
  await fixture.close();
});

const good = { name: 'me.png', mediaType: 'image/png', size: PNG.byteLength, type: 'avatar.uploaded' };
const open = async (change: object, owner = 'ann') =>
  await fixture.call('POST', '/uploads', { owner, body: { ...good, ...change } });

describe('a request is refused, with a sentence for a person, before anything is made for it', () => {
  it.each([
    ['another type of event', { type: 'invoice.made' }, 422, 'type'],
    ['another kind of file', { mediaType: 'application/pdf' }, 415, 'media-type'],
    ['SVG in a family of images', { mediaType: 'image/svg+xml' }, 415, 'media-type'],
    ['too large a file', { size: 100_001 }, 413, 'too-large'],
    [
      'a name that the rule forbids',
      { type: 'document.uploaded', mediaType: 'text/plain', name: 'a/b' },
      422,
      'name',
    ],
    ['a negative size', { size: -1 }, 400, 'bad-request'],
    ['a size that is no integer', { size: 1.5 }, 400, 'bad-request'],
    ['no name', { name: '' }, 400, 'bad-request'],
    ['tags', { tags: { a: 'b' } }, 400, 'bad-request'],
    ['a key of its own', { key: 'payloads/x' }, 400, 'bad-request'],
    ['a digest that is none', { digest: 'sha-256=:x:' }, 400, 'bad-request'],
    ['multipart of nothing', { size: 0, method: 'multipart' }, 400, 'bad-request'],
  ])('%s', async (_, change, status, code) => {
    const answer = await open(change);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.body).toMatchObject({
      type: `urn:waybill:problem:${code}`,
      status,
      detail: expect.stringMatching(/\.$/),
    });
  });

  it('broken JSON, a wrong method and a path that is not there', async () => {
    expect((await fixture.call('POST', '/uploads', { owner: 'ann', body: '{"name"' })).status).toBe(400);
    const wrong = await fixture.call('PUT', '/uploads', { owner: 'ann' });
    expect([wrong.status, wrong.headers['allow']]).toEqual([405, 'POST']);
    expect((await fixture.call('GET', '/nothing', { owner: 'ann' })).status).toBe(404);
    expect((await fixture.call('GET', '/uploads/%2e%2e', { owner: 'ann' })).status).toBe(404);
    const long = JSON.stringify({ ...good, data: { x: 'x'.repeat(300_000) } });
    expect((await fixture.call('POST', '/uploads', { owner: 'ann', body: long })).status).toBe(413);
  });
});

describe('a stranger', () => {
  it('gets 401 without a token, with another’s, or with an expired one', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const forged = await new SignJWT({ sub: 'ann' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('https://id.test')
      .setAudience('uploads')
      .setExpirationTime('1h')
      .sign(privateKey);
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ann"}').toString('base64url')}.`;
    for (const authorization of [
      undefined,
      `Bearer ${forged}`,
      `Bearer ${unsigned}`,
      'Bearer x',
      'Basic YTpi',
    ]) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await fixture.call('GET', '/files', { headers });
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    }
    const token = await fixture.token('ann', { aud: 'other' });
    expect(token).not.toContain(' ');
  });

  it('of another audience is a stranger too', async () => {
    const other = await startUploadFixture();
    try {
      const headers = { authorization: `Bearer ${await other.token('ann')}` };
      expect((await fixture.call('GET', '/files', { headers })).status).toBe(401);
      expect((await other.call('GET', '/files', { headers })).status).toBe(200);
    } finally {
      await other.close();
    }
  });
});

describe('quotas', () => {
  it('count what is open, and what is cancelled no longer', async () => {
    const small = await startUploadFixture({
      policy: {
        types: { 'avatar.uploaded': { mediaTypes: ['image/*'], maxSizeBytes: 100 } },
        maxOpenUploads: 2,
        maxOpenBytes: 150,
      },
    });
    try {
      const post = async (size: number) =>
        await small.call('POST', '/uploads', { owner: 'ann', body: { ...good, size } });
      const first = await post(100);
      expect(first.status).toBe(201);
      expect((await post(100)).body).toMatchObject({ status: 429, maxOpenBytes: 150 });
      expect((await post(10)).status).toBe(201);
      expect((await post(1)).body).toMatchObject({ status: 429, maxOpenUploads: 2 });
      await small.call('DELETE', `/uploads/${first.body.uploadId}`, { owner: 'ann' });
      expect((await post(100)).status).toBe(201);
    } finally {
      await small.close();
    }
  });
});

describe('pages of other origins', () => {
  const preflight = async (origin: string) =>
    await fixture.call('OPTIONS', '/uploads', {
      headers: { origin, 'access-control-request-method': 'POST' },
    });

  it('may call if they are listed', async () => {
    const asked = await preflight(ORIGIN);
    expect(asked.status).toBe(204);
    expect(asked.headers['access-control-allow-origin']).toBe(ORIGIN);
    const answer = await fixture.call('GET', '/types', { headers: { origin: ORIGIN } });
    expect(answer.headers['access-control-allow-origin']).toBe(ORIGIN);
  });

  it('are told nothing otherwise', async () => {
    const asked = await preflight('https://evil.test');
    expect([asked.status, asked.headers['access-control-allow-origin']]).toEqual([403, undefined]);
    const answer = await fixture.call('GET', '/types', { headers: { origin: 'https://evil.test' } });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('the description for other tools', () => {
  it('is valid OpenAPI 3.1 and names every path that is served', async () => {
    const { body } = await fixture.call('GET', '/openapi.json');
    const { valid, errors } = await new Validator().validate(body);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    for (const path of Object.keys(body.paths)) {
      const answer = await fixture.call('PATCH', path.replace('{id}', 'x'));
      expect(answer.status, path).toBe(405);
    }
  });
});
