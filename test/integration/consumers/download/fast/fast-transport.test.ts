import { fork } from 'node:child_process';
import dns from 'node:dns';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createPlainServer, isIP, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createBlockPool,
  createFastTransport,
  createTransport,
  type BlockPool,
  type CreateTransportOptions,
  type Transport,
  type TransportResponse,
} from '../../../../../consumers/download/index.ts';
import { patternBytes } from '../world.ts';
import { certificate, key } from './certificate.ts';
import type { TlsOrder } from './tls-child.ts';

const bytes = patternBytes(3_000_000);

let pool: BlockPool;
const open: (Server | Transport)[] = [];

beforeEach(() => void (pool = createBlockPool({ blockBytes: 64 * 1024 })));
afterEach(async () => {
  for (const one of open.splice(0)) {
    if ('closeAllConnections' in one) one.closeAllConnections();
    await one.close();
  }
  if (pool.lentBlocks !== 0) throw new Error(`${pool.lentBlocks} blocks were not given back`);
});

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  open.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function serve(
  listener: RequestListener,
  host = '127.0.0.1',
): Promise<{ port: number; server: Server }> {
  const server = createServer(listener);
  return { server, port: await listen(server, host) };
}

function transport(options: CreateTransportOptions = {}): Transport {
  const made = createTransport({ kind: 'fast', pool, ...options });
  open.push(made);
  return made;
}

async function ask(
  by: Transport,
  url: string,
  { signal = new AbortController().signal, headers = {}, stallTimeoutMs = 10_000 } = {},
): Promise<TransportResponse> {
  return await by.get({ url, headers, signal, stallTimeoutMs });
}

async function read({ body }: TransportResponse): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const whole: RequestListener = (_, res) => void res.end(bytes);

describe('the fast transport', () => {
  it('uses a connection again, and reads every body byte for byte', async () => {
    const { port, server } = await serve(whole);
    let connections = 0;
    server.on('connection', () => (connections += 1));
    const by = transport();
    for (let n = 0; n < 5; n += 1) {
      expect(bytes.equals(await read(await ask(by, `http://127.0.0.1:${port}/`)))).toBe(true);
    }
    expect(connections).toBe(1);
  });

  it('does not use a connection again that the server closes', async () => {
    const { port, server } = await serve((_, res) => void res.setHeader('connection', 'close').end(bytes));
    let connections = 0;
    server.on('connection', () => (connections += 1));
    const by = transport();
    for (let n = 0; n < 3; n += 1) await read(await ask(by, `http://127.0.0.1:${port}/`));
    expect(connections).toBe(3);
  });

  it('sends the path as it is written, and only the headers given', async () => {
    let got: unknown;
    const { port } = await serve((req, res) => {
      got = [req.url, req.headers];
      res.end();
    });
    const url = `http://127.0.0.1:${port}/a/../b//%2f?x=%20&y#fragment`;
    await read(await ask(transport(), url, { headers: { range: 'bytes=0-1' } }));
    expect(got).toEqual([
      '/a/../b//%2f?x=%20&y',
      { host: `127.0.0.1:${port}`, connection: 'keep-alive', range: 'bytes=0-1' },
    ]);
  });

  it.each([{ 'x-a': 'b\r\nx-c: d' }, { 'x a': 'b' }, { 'x-a': 'ü' }])(
    'refuses the header %j',
    async (headers) => {
      await expect(ask(transport(), 'http://127.0.0.1:9/', { headers })).rejects.toThrow(TypeError);
    },
  );

  it.each(['ftp://h/', 'http:///', 'http://h/a b', 'http://h/\r\nx', '//h/'])(
    'refuses the URL %j',
    async (url) => {
      await expect(ask(transport(), url)).rejects.toThrow('url: got something else');
    },
  );

  it('waits with the rest when nobody reads', async () => {
    const big = Buffer.alloc(64 * 1024 ** 2, 'x');
    const { port } = await serve((_, res) => void res.end(big));
    const response = await ask(transport(), `http://127.0.0.1:${port}/`);
    const reader = response.body[Symbol.asyncIterator]();
    await reader.next();
    expect(pool.lentBlocks).toBeLessThanOrEqual(3);
    let left = big.length;
    await reader.return?.();
    for await (const chunk of (await ask(transport(), `http://127.0.0.1:${port}/`)).body) {
      left -= chunk.length;
      expect(pool.lentBlocks).toBeLessThanOrEqual(3);
    }
    expect(left).toBe(0);
  });

  it('aborts at once with the reason: while connecting, before the head, within the body', async () => {
    const { port } = await serve((req, res) => {
      if (req.url === '/silent') return;
      res.writeHead(200, { 'content-length': bytes.length });
      res.write(bytes.subarray(0, 1_000_000));
    });
    const by = transport();
    for (const [path, wait] of [['/'], ['/silent', 20], ['/', 20]] as const) {
      const controller = new AbortController();
      const reason = new Error(`stop ${path}`);
      const asked = ask(by, `http://127.0.0.1:${port}${path}`, { signal: controller.signal }).then(read);
      if (wait !== undefined) await new Promise((resolve) => setTimeout(resolve, wait));
      controller.abort(reason);
      await expect(asked).rejects.toBe(reason);
    }
  });

  it('sends nothing of a request that is aborted in the turn that made it, and everything of the others', async () => {
    const asked: (string | undefined)[] = [];
    const { port } = await serve((req, res) => {
      asked.push(req.url);
      res.end(bytes);
    });
    const by = transport();
    const url = (name: string): string => `http://127.0.0.1:${port}/${name}`;
    await read(await ask(by, url('first')));
    const controller = new AbortController();
    const reason = new Error('not wanted');
    const aborted = ask(by, url('aborted'), controller); // over the connection of the first
    const others = ['second', 'third'].map(async (name) => await read(await ask(by, url(name))));
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    for (const body of await Promise.all(others)) expect(bytes.equals(body)).toBe(true);
    expect(new Set(asked)).toEqual(new Set(['/first', '/second', '/third']));
    expect(asked.length).toBe(3);
  });

  it('stalls when the server falls silent, and hands out what came before', async () => {
    const { port } = await serve((_, res) => {
      res.writeHead(200, { 'content-length': bytes.length });
      res.write(bytes.subarray(0, 100_000));
    });
    const { body } = await ask(transport(), `http://127.0.0.1:${port}/`, { stallTimeoutMs: 100 });
    let got = 0;
    const drain = async (): Promise<void> => {
      for await (const chunk of body) got += chunk.length;
    };
    await expect(drain()).rejects.toMatchObject({ failure: 'stall' });
    expect(got).toBe(100_000);
  });

  it('says that nobody listens', async () => {
    const probe = createPlainServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    await expect(ask(transport(), `http://127.0.0.1:${port}/`)).rejects.toMatchObject({ failure: 'connect' });
  });

  it('closes what is under way when it is closed', async () => {
    const { port } = await serve(() => {});
    const by = createFastTransport({ pool });
    const asked = ask(by, `http://127.0.0.1:${port}/`);
    await by.close();
    await expect(asked).rejects.toThrow('the transport was closed');
  });

  it('reaches names', async () => {
    const { port } = await serve(whole);
    expect(bytes.equals(await read(await ask(transport(), `http://localhost:${port}/`)))).toBe(true);
  });

  it('reaches IPv6 addresses', async ({ skip }) => {
    let port: number;
    try {
      ({ port } = await serve(whole, '::1'));
    } catch {
      return skip('this machine has no IPv6');
    }
    expect(bytes.equals(await read(await ask(transport(), `http://[::1]:${port}/`)))).toBe(true);
  });
});

const secure = async (host = '127.0.0.1', listener = whole): Promise<number> =>
  await listen(createSecureServer({ cert: certificate, key, ALPNProtocols: ['http/1.1'] }, listener), host);

/** What the machine's resolver says of every name. */
function resolveTo(...addresses: string[]): void {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  vi.spyOn(dns, 'lookup').mockImplementation(((_name: string, _options: object, callback: Function) =>
    process.nextTick(callback, null, found)) as unknown as typeof dns.lookup);
}

describe('a name with addresses of both families', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each(['http', 'https'])('is reached by the one that answers, over %s', async (scheme) => {
    const port = scheme === 'http' ? (await serve(whole)).port : await secure();
    resolveTo('::1', '127.0.0.1');
    const by = transport({ ca: certificate });
    for (let n = 0; n < 2; n += 1) {
      expect(bytes.equals(await read(await ask(by, `${scheme}://localhost:${port}/`)))).toBe(true);
    }
    expect(dns.lookup).toHaveBeenCalledTimes(1);
  });

  it.each(['http', 'https'])('is reached by IPv6 when IPv4 refuses, over %s', async (scheme) => {
    const hasIpv6 = await serve(whole, '::1').catch(() => undefined);
    if (hasIpv6 === undefined) return;
    const port = scheme === 'http' ? hasIpv6.port : await secure('::1');
    resolveTo('127.0.0.1', '::1');
    const by = transport({ ca: certificate });
    expect(bytes.equals(await read(await ask(by, `${scheme}://localhost:${port}/`)))).toBe(true);
  });

  it('fails with all refusals when none answers', async () => {
    const { port, server } = await serve(whole);
    await new Promise((resolve) => server.close(resolve));
    resolveTo('::1', '127.0.0.1');
    await expect(ask(transport(), `http://localhost:${port}/`)).rejects.toMatchObject({ failure: 'connect' });
  });
});

describe('the fast transport over TLS', () => {
  it('reads over a connection whose certificate is trusted and names the host', async () => {
    const port = await secure();
    const by = transport({ ca: certificate });
    for (let n = 0; n < 2; n += 1) {
      expect(bytes.equals(await read(await ask(by, `https://localhost:${port}/`)))).toBe(true);
    }
  });

  it('goes on after every pause, although records that were there already come on through it', async () => {
    const big = Buffer.alloc(16 * 1024 ** 2, 'x');
    const port = await secure('127.0.0.1', (_, res) => void res.end(big));
    const response = await ask(transport({ ca: certificate }), `https://localhost:${port}/`, {
      stallTimeoutMs: 2_000,
    });
    let left = big.length;
    for await (const chunk of response.body) {
      left -= chunk.length;
      await delay(1); // slower than the socket
    }
    expect(left).toBe(0);
  });

  it('refuses a certificate that nobody vouches for, and one of another host', async () => {
    const port = await secure();
    await expect(ask(transport(), `https://localhost:${port}/`)).rejects.toMatchObject({
      failure: 'connect',
      message: expect.stringMatching(/self-signed/),
    });
    await expect(ask(transport({ ca: certificate }), `https://127.0.0.1:${port}/`)).rejects.toThrow(
      /altnames/,
    );
  });

  it('trusts what NODE_EXTRA_CA_CERTS adds, as undici does, and nothing else', async () => {
    const url = `https://localhost:${await secure()}/`;
    const dir = await mkdtemp(join(tmpdir(), 'waybill-ca-'));
    const path = join(dir, 'ca.pem');
    await writeFile(path, certificate);
    const run = async (extra: string): Promise<string[]> => {
      const child = fork(new URL('tls-child.ts', import.meta.url), {
        execArgv: ['--import', 'tsx'],
        env: { ...process.env, NODE_EXTRA_CA_CERTS: extra },
      });
      const exited = once(child, 'exit');
      child.send({ url, kinds: ['fast', 'undici'] } satisfies TlsOrder);
      const [said] = (await once(child, 'message')) as [string[]];
      await exited;
      return said;
    };
    const got = `200, ${bytes.length} bytes`;
    const refused = expect.stringMatching(/self-signed certificate/);
    expect(await Promise.all([run(path), run('')])).toEqual([
      [got, got],
      [refused, refused],
    ]);
    await rm(dir, { recursive: true });
  });

  it('is left to undici unless told otherwise, which trusts the same', async () => {
    const port = await secure();
    const by = transport({ kind: 'auto', ca: certificate });
    expect(bytes.equals(await read(await ask(by, `https://localhost:${port}/`)))).toBe(true);
    expect(pool.lentBlocks).toBe(0);
  });
});

describe('createTransport', () => {
  it('falls back to undici, once for each origin, and says so', async () => {
    const asked: (string | undefined)[] = [];
    const { port } = await serve((req, res) => {
      asked.push(req.url);
      res.writeHead(200); // no length: chunks
      res.write('a');
      res.end('b');
    });
    const by = transport({ kind: 'auto' });
    const said: object[] = [];
    const log = (fields: object): void => void said.push(fields);
    const logger = { debug: log, info: log, warn: log, error: log };
    const { signal } = new AbortController();
    for (const path of ['/1?secret', '/2']) {
      const url = `http://127.0.0.1:${port}${path}`;
      const response = await by.get({ url, headers: {}, signal, stallTimeoutMs: 5_000, logger });
      expect(String(await read(response))).toBe('ab');
    }
    expect(asked).toEqual(['/1?secret', '/1?secret', '/2']);
    expect(said).toHaveLength(1);
    expect(JSON.stringify(said)).not.toContain('secret');
  });

  it('reads expiry errors in chunks without asking twice', async () => {
    let requests = 0;
    const { port } = await serve((_, res) => {
      requests += 1;
      res.writeHead(403, { 'content-type': 'application/xml' });
      res.write('<Error><Code>AccessDenied</Code>');
      res.end('</Error>');
    });
    const response = await ask(transport({ kind: 'auto' }), `http://127.0.0.1:${port}/`);
    expect([response.status, String(await read(response)), requests]).toEqual([
      403,
      '<Error><Code>AccessDenied</Code></Error>',
      1,
    ]);
  });

  it('goes through a proxy with undici', async () => {
    const seen: (string | undefined)[] = [];
    const proxy = createServer();
    proxy.on('connect', (req, socket) => {
      seen.push(req.url);
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi'),
      );
    });
    proxy.on('request', (req, res) => {
      seen.push(req.url);
      res.end('hi');
    });
    const port = await listen(proxy);
    const by = transport({ kind: 'auto', proxy: { httpProxy: `http://127.0.0.1:${port}` } });
    expect(String(await read(await ask(by, 'http://store.invalid/key')))).toBe('hi');
    expect(seen.join()).toContain('store.invalid');
  });

  it('refuses what makes no sense', () => {
    expect(() => createTransport({ kind: 'quick' as 'fast' })).toThrow('kind: got "quick"');
    expect(() => createTransport({ kind: 'fast', proxy: {} })).toThrow('proxy: got one');
    expect(() => createFastTransport({ connectTimeoutMs: 0 })).toThrow(RangeError);
    expect(() => createBlockPool({ maxBytes: 1 })).toThrow(RangeError);
  });
});
