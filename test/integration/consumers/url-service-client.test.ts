import { getEventListeners } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { urlServiceClient, type UrlServiceClientOptions } from '../../../consumers/url-service-client.ts';
import type { UrlServiceFault } from '../../../producers/url-service/index.ts';
import { systemClock } from '../../../shared/clock.ts';
import { ClaimCheckError, PayloadGoneError, UrlServiceError } from '../../../shared/errors.ts';
import { CALLER_KEYS, startFixture, STRANGER_KEYS, type Fixture } from '../producers/url-service/fixture.ts';

let fixture: Fixture;
const servers: Server[] = [];
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
  await fixture.close();
});

const client = (endpoint: string, options: Partial<UrlServiceClientOptions> = {}) =>
  urlServiceClient({
    endpoint,
    region: 'eu-central-1',
    credentials: CALLER_KEYS,
    clock: fixture.clock,
    retry: { backoffBaseMs: 1, backoffCapMs: 2 },
    ...options,
  });

/** A server that answers as it is told: for what the real one never says. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Serves the URL service and remembers how many claim checks each call had. */
async function serveCounting(faults?: () => UrlServiceFault | undefined) {
  const real = fixture.service();
  const calls: number[] = [];
  const service: typeof real = {
    ...real,
    redeem: async (claimChecks, caller, options) => {
      calls.push(claimChecks.length);
      return await real.redeem(claimChecks, caller, options);
    },
  };
  const { url } = await fixture.serve({ service, ...(faults === undefined ? {} : { faults }) });
  return { url, calls };
}

describe('a refetch from the URL service', () => {
  it('gives a URL that leads to the bytes', async () => {
    const { attachment } = await fixture.put('hello');
    const { url } = await fixture.serve();
    const fresh = await client(url).refetch(attachment, {});
    expect(fresh).toMatchObject({ versionId: attachment.versionId, size: 5, digest: attachment.digest });
    expect(Math.abs(fresh.serverTimeMs! - fixture.clock.nowMs())).toBeLessThan(60_000);
    expect(JSON.stringify(fresh)).not.toContain('X-Amz');
    expect(await (await request(fresh.access.url.reveal())).body.text()).toBe('hello');
  });

  it('joins those of one turn in one call, and splits what is too many', async () => {
    const attachments = (await Promise.all(['a', 'bb', 'ccc'].map((body) => fixture.put(body)))).map(
      (put) => put.attachment,
    );
    const { url, calls } = await serveCounting();
    const urls = client(url);
    const sizes = await Promise.all(attachments.map(async (one) => (await urls.refetch(one, {})).size));
    expect([sizes, calls]).toEqual([[1, 2, 3], [3]]);
    calls.length = 0;
    const narrow = client(url, { maxBatchItems: 2 });
    await Promise.all(attachments.map((one) => narrow.refetch(one, {})));
    expect(new Set(calls)).toEqual(new Set([1, 2]));
  });

  it('leaves no listener on the signal it was given', async () => {
    const { attachment } = await fixture.put('x');
    const faults: (UrlServiceFault | undefined)[] = [{ kind: 'status', status: 503 }];
    const { url } = await serveCounting(() => faults.shift());
    const { signal } = new AbortController();
    await client(url).refetch(attachment, { signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('keeps the bad items of a call to themselves', async () => {
    const good = await fixture.put('good');
    const gone = await fixture.put('gone', '2026-01-01T00:00:00Z');
    const { url, calls } = await serveCounting();
    const urls = client(url);
    const [first, second] = await Promise.allSettled([
      urls.refetch(good.attachment, {}),
      urls.refetch(gone.attachment, {}),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({
      reason: { code: 'payload-gone', details: { status: 410, reason: 'gone' } },
    });
    expect(calls).toEqual([2]);
  });

  it('is not disturbed when another of the same call is aborted', async () => {
    const { attachment } = await fixture.put('x');
    const real = fixture.service();
    let arrived = (): void => undefined;
    const seen = new Promise<void>((resolve) => (arrived = resolve));
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const service: typeof real = {
      ...real,
      redeem: async (...args) => {
        arrived();
        await held;
        return await real.redeem(...args);
      },
    };
    const { url } = await fixture.serve({ service });
    const urls = client(url);
    const abort = new AbortController();
    const leaving = urls.refetch(attachment, { signal: abort.signal });
    const staying = urls.refetch(attachment, {});
    await seen;
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(leaving).rejects.toBe(reason);
    release();
    expect((await staying).size).toBe(1);
  });

  it('breaks the call off when everybody has left', async () => {
    const { attachment } = await fixture.put('x');
    let arrived = (): void => undefined;
    const seen = new Promise<void>((resolve) => (arrived = resolve));
    let closed = (): void => undefined;
    const cut = new Promise<void>((resolve) => (closed = resolve));
    const url = await serve((_, response) => {
      response.once('close', closed);
      arrived();
    });
    const abort = new AbortController();
    const leaving = client(url).refetch(attachment, { signal: abort.signal });
    await seen;
    abort.abort(new Error('enough'));
    await expect(leaving).rejects.toThrow('enough');
    await cut;
  });

  it('fails at once with the reason of a signal that has aborted', async () => {
    const { attachment } = await fixture.put('x');
    const reason = new Error('enough');
    const promise = client('http://127.0.0.1:9').refetch(attachment, { signal: AbortSignal.abort(reason) });
    await expect(promise).rejects.toBe(reason);
  });

  it.each<[string, UrlServiceFault]>([
    ['503', { kind: 'status', status: 503 }],
    ['429', { kind: 'status', status: 429 }],
    ['a reset', { kind: 'reset' }],
  ])('comes through after %s', async (_, fault) => {
    const { attachment } = await fixture.put('x');
    const faults: (UrlServiceFault | undefined)[] = [fault, fault];
    const { url, calls } = await serveCounting(() => faults.shift());
    expect((await client(url).refetch(attachment, {})).size).toBe(1);
    expect(calls).toEqual([1]);
  });

  it('asks again for an item that has no URL now, and gives up after its attempts', async () => {
    const { attachment } = await fixture.put('x');
    const match = { service: 's3', operation: 'GetObjectTagging' } as const;
    fixture.stack.faults.add({
      match,
      times: 99,
      faults: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    const { url, calls } = await serveCounting();
    const promise = client(url, { retry: { maxAttempts: 3, backoffBaseMs: 1 } }).refetch(attachment, {});
    await expect(promise).rejects.toMatchObject({ code: 'url-service', disposition: 'unavailable' });
    await expect(promise).rejects.toThrow(/has no URL now \(503 unavailable\)/);
    expect(calls).toEqual([1, 1, 1]);
  });

  it('gives up on a service that does not answer in time', async () => {
    const { attachment } = await fixture.put('x');
    const { url } = await serveCounting(() => ({ kind: 'stall' }));
    let timeouts = 0;
    const clock = {
      ...systemClock,
      sleep: async (ms: number, signal?: AbortSignal) => {
        if (ms === 7777) timeouts += 1;
        await systemClock.sleep(ms === 7777 ? 20 : 0, signal);
      },
    };
    const options = { clock, timeoutMs: 7777, retry: { maxAttempts: 2 } };
    await expect(client(url, options).refetch(attachment, {})).rejects.toThrow(
      /did not answer within 7777 ms/,
    );
    expect(timeouts).toBe(2);
  });
});

describe('a refetch fails', () => {
  it('at once when the service refuses the identity, naming that', async () => {
    const { attachment } = await fixture.put('x');
    const { url, calls } = await serveCounting();
    const credentials = { ...CALLER_KEYS, secretAccessKey: 'wrong' };
    const promise = client(url, { credentials }).refetch(attachment, {});
    await expect(promise).rejects.toThrow(UrlServiceError);
    await expect(promise).rejects.toThrow(/refuses this identity \(HTTP 403\)/);
    expect(calls).toEqual([]);
  });

  it('at once when the caller may not have the payload', async () => {
    const { attachment } = await fixture.put('x');
    const { url, calls } = await serveCounting();
    const promise = client(url, { credentials: STRANGER_KEYS }).refetch(attachment, {});
    await expect(promise).rejects.toThrow(/refuses the claim check for this caller/);
    expect(calls).toEqual([1]);
  });

  it('with the payload gone when the version is not there', async () => {
    const { claims, attachment } = await fixture.put('x');
    const versionId = claims.versionId.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    const claimCheck = await fixture.signer.sign({ ...claims, versionId });
    const { url } = await fixture.serve();
    const promise = client(url).refetch({ ...attachment, versionId, claimCheck }, {});
    await expect(promise).rejects.toThrow(PayloadGoneError);
  });

  it('without a claim check, or with that of another payload, before any call', async () => {
    const { attachment } = await fixture.put('x');
    const other = await fixture.put('y');
    const { url, calls } = await serveCounting();
    const { claimCheck, ...bare } = attachment;
    expect(claimCheck).toBeDefined();
    await expect(client(url).refetch(bare, {})).rejects.toThrow(ClaimCheckError);
    const mixed = { ...attachment, claimCheck: other.attachment.claimCheck };
    await expect(client(url).refetch(mixed, {})).rejects.toThrow(/claim check: claim key is/);
    expect(calls).toEqual([]);
  });

  it.each([
    ['no JSON', 200, '<html>', /expected \{"results"/],
    ['too few results', 200, '{"results":[]}', /0 results/],
    ['a 200 without a URL', 200, '{"results":[{"status":200}]}', /malformed item: access/],
    ['an unknown item status', 200, '{"results":[{"status":302}]}', /status 302/],
    ['a redirect', 307, '', /redirects are not followed/],
    ['a wrong path', 404, '', /HTTP 404, expected 200/],
  ])('on %s, without a second call', async (_, status, body, message) => {
    const { attachment } = await fixture.put('x');
    let calls = 0;
    const url = await serve((_request, response) => {
      calls += 1;
      response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end(body);
    });
    const promise = client(url).refetch(attachment, {});
    await expect(promise).rejects.toThrow(UrlServiceError);
    await expect(promise).rejects.toThrow(message);
    expect(calls).toBe(1);
  });

  it('on an answer without end', async () => {
    const { attachment } = await fixture.put('x');
    const url = await serve((_request, response) => {
      response.writeHead(200);
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', write);
      write();
    });
    const promise = client(url, { retry: { maxAttempts: 1 } }).refetch(attachment, {});
    await expect(promise).rejects.toThrow(/cannot be reached, or broke off/);
  });

  it('when no credentials can be had', async () => {
    const { attachment } = await fixture.put('x');
    const credentials = () => Promise.reject(new Error('no metadata service'));
    const promise = client('http://127.0.0.1:9', { credentials }).refetch(attachment, {});
    await expect(promise).rejects.toMatchObject({
      code: 'url-service',
      cause: { message: 'no metadata service' },
    });
  });

  it('when nobody listens, without a secret in the error', async () => {
    const { attachment } = await fixture.put('x');
    const server = await fixture.serve();
    await server.close();
    const error: unknown = await client(server.url, { retry: { maxAttempts: 2, backoffBaseMs: 1 } })
      .refetch(attachment, {})
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UrlServiceError);
    expect(String(error)).not.toContain('eyJ');
  });
});

describe('the client is not made', () => {
  it.each([
    ['plain http beyond loopback', { endpoint: 'http://urls.example' }, /plain http to urls\.example/],
    ['a query', { endpoint: 'https://urls.example/?a=1' }, /query/],
    ['no URL', { endpoint: 'urls' }, /^endpoint: got "urls"/],
    ['a timeout of zero', { timeoutMs: 0 }, /^timeoutMs: got 0/],
    ['a batch of 101', { maxBatchItems: 101 }, /^maxBatchItems: got 101/],
    ['no attempts', { retry: { maxAttempts: 0 } }, /^retry\.maxAttempts/],
  ])('with %s', (_, options, message) => {
    expect(() => client('https://urls.example', options)).toThrow(message);
  });

  it('without a region, unless the host name tells it', () => {
    const make = (endpoint: string) => () => urlServiceClient({ endpoint, credentials: CALLER_KEYS });
    expect(make('https://urls.example')).toThrow(/^region: got undefined/);
    expect(make('https://abc.lambda-url.eu-central-1.on.aws')).not.toThrow();
  });
});
