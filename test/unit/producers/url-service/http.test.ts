import { describe, expect, it } from 'vitest';
import type { UrlService } from '../../../../producers/url-service/core.ts';
import { handleRedeem, MAX_BODY_BYTES } from '../../../../producers/url-service/http.ts';
import { SecretUrl } from '../../../../shared/secret.ts';

const serverTime = '2026-03-01T10:00:00.000Z';
const service: UrlService = {
  maxItems: 2,
  serverTime: () => serverTime,
  redeem: async (claimChecks) =>
    claimChecks.map((claimCheck) =>
      claimCheck === 'good'
        ? {
            status: 200 as const,
            versionId: 'v1',
            size: 1,
            digest: 'd',
            serverTime,
            access: {
              method: 'GET' as const,
              url: new SecretUrl('https://s3.example/x?X-Amz-Signature=1'),
              issuedAt: serverTime,
              expiresAt: serverTime,
            },
          }
        : { status: 404 as const, error: 'not-found' as const, message: 'no', serverTime },
    ),
};
const post = (body: string, caller: string | undefined = 'archive') =>
  handleRedeem({ method: 'POST', path: '/redeem', body, caller }, { service });

describe('POST /redeem', () => {
  it('answers each claim check in order, with the URL in clear and never to be stored', async () => {
    const { status, headers, body } = await post('{"claimChecks":["good","bad"]}');
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    const parsed = JSON.parse(body) as {
      serverTime: string;
      results: { status: number; access?: { url: string } }[];
    };
    expect(parsed.serverTime).toBe(serverTime);
    expect(parsed.results.map((result) => result.status)).toEqual([200, 404]);
    expect(parsed.results[0]?.access?.url).toBe('https://s3.example/x?X-Amz-Signature=1');
  });

  it.each([
    ['{', '', /expected JSON/],
    ['[]', '', /^body/],
    ['{"claimChecks":"x"}', 'claimChecks', /^claimChecks/],
    ['{"claimChecks":[]}', 'claimChecks', /^claimChecks/],
    ['{"claimChecks":["a",1]}', 'claimChecks.1', /^claimChecks\.1/],
    ['{"claimChecks":["a","b","c"]}', 'claimChecks', /^claimChecks/],
  ])('answers %s with problem details that name the field', async (text, field, detail) => {
    const { status, headers, body } = await post(text);
    expect([status, headers['content-type']]).toEqual([400, 'application/problem+json']);
    const problem = JSON.parse(body) as { field: string; detail: string; status: number };
    expect(problem).toMatchObject({ field, status: 400, detail: expect.stringMatching(detail) as string });
  });

  it('refuses a body that is too large, and one that is not UTF-8', async () => {
    expect(await post(' '.repeat(MAX_BODY_BYTES + 1))).toMatchObject({ status: 413 });
    const body = new Uint8Array([0x22, 0xff, 0x22]);
    const answer = await handleRedeem({ method: 'POST', path: '/redeem', body, caller: 'x' }, { service });
    expect(answer.status).toBe(400);
  });

  it('refuses who has no identity before it reads the body', async () => {
    const request = { method: 'POST', path: '/redeem', body: '{', caller: undefined };
    expect(await handleRedeem(request, { service })).toMatchObject({
      status: 403,
      body: '{"Message":"Forbidden"}',
    });
  });
});

describe('other paths and methods', () => {
  const ask = (method: string, path: string) =>
    handleRedeem({ method, path, body: '', caller: 'archive' }, { service });

  it('knows no other path, and says which method it takes', async () => {
    expect(await ask('POST', '/')).toMatchObject({ status: 404 });
    expect(await ask('GET', '/redeem')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect(await ask('POST', '/healthz')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it('is healthy without an identity', async () => {
    const request = { method: 'GET', path: '/healthz', body: '', caller: undefined };
    expect(await handleRedeem(request, { service })).toMatchObject({ status: 200 });
  });
});
