import { Readable } from 'node:stream';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPostSigner } from '../../../../consumers/url-service-sign.ts';
import { CALLER_KEYS, startFixture, STRANGER_KEYS, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(async () => {
  await fixture.close();
});

const signerOf = (credentials = CALLER_KEYS, region = 'eu-central-1') =>
  createPostSigner({ region, credentials, clock: fixture.clock });

async function post(base: string, body: string, sign = signerOf(), sent = body, path = '/redeem') {
  const url = new URL(path, base);
  const response = await request(url, { method: 'POST', headers: await sign(url, body), body: sent });
  return { status: response.statusCode, headers: response.headers, body: await response.body.text() };
}

describe('the URL service over HTTP', () => {
  it('redeems for a caller whose signature is good', async () => {
    const { attachment } = await fixture.put('hello');
    const { url } = await fixture.serve();
    const answer = await post(url, JSON.stringify({ claimChecks: [attachment.claimCheck!.reveal()] }));
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    const { results } = JSON.parse(answer.body) as { results: { status: number; access: { url: string } }[] };
    expect(await (await request(results[0]!.access.url)).body.text()).toBe('hello');
  });

  it('refuses every bad identity with the same bytes, and does not touch S3', async () => {
    const { attachment } = await fixture.put('x');
    const { url } = await fixture.serve();
    const body = JSON.stringify({ claimChecks: [attachment.claimCheck!.reveal()] });
    fixture.stack.spy.clear();
    const answers = [
      await post(url, body, signerOf({ ...CALLER_KEYS, secretAccessKey: 'wrong' })),
      await post(url, body, signerOf({ accessKeyId: 'AKNOBODY', secretAccessKey: 'x' })),
      await post(url, body, signerOf(CALLER_KEYS, 'us-east-1')),
      await post(url, body, signerOf(), body.replace('claimChecks', 'claimcheckS')),
      await post(url, body, async () => ({ 'content-type': 'application/json' })),
      await post(url, body, signerOf(), body, '/redeem?extra=1'),
      await post(
        url,
        body,
        createPostSigner({ region: 'eu-central-1', credentials: CALLER_KEYS, clock: { nowMs: () => 0 } }),
      ),
    ];
    expect(new Set(answers.map(({ status, body: text }) => `${status} ${text}`))).toEqual(
      new Set(['403 {"Message":"Forbidden"}']),
    );
    expect(fixture.s3Calls()).toEqual([]);
  });

  it('gives a stranger with a good identity the same item as a caller with a bad claim check', async () => {
    const { attachment } = await fixture.put('x');
    const clock = { ...fixture.clock, nowMs: () => fixture.clock.nowMs() };
    const frozen = fixture.clock.nowMs();
    const { url } = await fixture.serve({
      service: fixture.service({ clock: { ...clock, nowMs: () => frozen } }),
    });
    const good = JSON.stringify({ claimChecks: [attachment.claimCheck!.reveal()] });
    const stranger = await post(url, good, signerOf(STRANGER_KEYS));
    const forged = await post(url, JSON.stringify({ claimChecks: ['garbage'] }));
    expect(stranger.status).toBe(200);
    expect(stranger.body).toBe(forged.body);
    expect(stranger.body).toContain('"status":403');
  });

  it('needs the session token of an identity that has one', async () => {
    const identities = [{ ...CALLER_KEYS, sessionToken: 'token', caller: 'archive' }];
    const { url } = await fixture.serve({ identities });
    const body = '{"claimChecks":["x"]}';
    expect((await post(url, body)).status).toBe(403);
    const sign = createPostSigner({
      region: 'eu-central-1',
      credentials: { ...CALLER_KEYS, sessionToken: 'token' },
      clock: fixture.clock,
    });
    expect((await post(url, body, sign)).status).toBe(200);
  });

  it('answers 413 to a body over 1 MiB, also without a declared length, and cuts off what is far longer', async () => {
    const { url } = await fixture.serve();
    expect((await post(url, 'x'.repeat(1024 ** 2 + 1))).status).toBe(413);
    const chunks = (count: number) =>
      Readable.from(Array.from({ length: count }, () => Buffer.alloc(65_536)));
    const undeclared = await request(`${url}/redeem`, { method: 'POST', body: chunks(40) });
    expect(undeclared.statusCode).toBe(413);
    await undeclared.body.dump();
    await expect(request(`${url}/redeem`, { method: 'POST', body: chunks(200) })).rejects.toThrow(
      /socket|closed|EPIPE|ECONNRESET/,
    );
  });

  it('tells its health to anybody, and 404 to callers only', async () => {
    const { url } = await fixture.serve();
    const health = await request(`${url}/healthz`);
    expect([health.statusCode, ((await health.body.json()) as { status: string }).status]).toEqual([
      200,
      'ok',
    ]);
    expect((await post(url, '{}', signerOf(), '{}', '/other')).status).toBe(404);
    expect((await request(`${url}/other`)).statusCode).toBe(403);
  });

  it('answers 500 without the reason when the service throws, and logs it', async () => {
    const service = { ...fixture.service(), redeem: () => Promise.reject(new Error('secret reason')) };
    const { url } = await fixture.serve({ service });
    const answer = await post(url, '{"claimChecks":["x"]}');
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('secret reason');
    expect(fixture.logs.some(({ message }) => message === 'request failed')).toBe(true);
  });

  it('closes although a request stalls, and closes twice', async () => {
    let arrived = (): void => undefined;
    const stalled = new Promise<void>((resolve) => (arrived = resolve));
    const server = await fixture.serve({
      faults: () => {
        arrived();
        return { kind: 'stall' };
      },
    });
    const pending = post(server.url, '{"claimChecks":["x"]}').catch((error: unknown) => error);
    await stalled;
    await Promise.all([server.close(), server.close()]);
    expect(await pending).toBeInstanceOf(Error);
    await expect(request(`${server.url}/healthz`)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('fails to start with one access key twice', async () => {
    const identities = [
      { ...CALLER_KEYS, caller: 'a' },
      { ...CALLER_KEYS, caller: 'b' },
    ];
    await expect(fixture.serve({ identities })).rejects.toThrow(/identities\.1\.accessKeyId/);
  });
});
