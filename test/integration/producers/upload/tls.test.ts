import { execFileSync, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const BYTES = 6 * 1024 ** 2 + 5;

describe('the fast transport over TLS', () => {
  let dir: string;
  let server: Server;
  let connections = 0;
  const received: string[] = [];
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-tls-'));
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    execFileSync(
      'openssl',
      ['req', '-x509', ...curve, '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', cert],
      { stdio: 'ignore' },
    );
    server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (req, res) => {
      const hash = createHash('sha256');
      req.on('data', (bytes: Buffer) => hash.update(bytes));
      req.on('end', () => {
        received.push(hash.digest('hex'));
        res.writeHead(200, { etag: '"e"' }).end();
      });
    });
    server.on('secureConnection', () => (connections += 1));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(dir, { recursive: true });
  });

  const run = async (env: Record<string, string>) => {
    const child = fork(new URL('tls-child.ts', import.meta.url), {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, ...env },
    });
    const exited = once(child, 'exit');
    const said = once(child, 'message');
    child.send({ endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, bytes: BYTES });
    const [answer] = (await said) as [{ said: string; loaded: string[] }];
    expect((await exited)[0]).toBe(0);
    return answer;
  };

  it('sends parts of memory and of files over one connection to a server that it trusts, without the SDK', async () => {
    expect(await run({ NODE_EXTRA_CA_CERTS: join(dir, 'cert.pem') })).toEqual({ said: '"e"', loaded: [] });
    const expected = createHash('sha256').update(Buffer.alloc(BYTES, 'x')).digest('hex');
    expect(received).toEqual([expected, expected]);
    expect(connections).toBe(1);
  });

  it('sends nothing to a server whose certificate nobody vouches for', async () => {
    received.length = 0;
    const { said } = await run({ NODE_EXTRA_CA_CERTS: '' });
    expect(said).toMatch(/self.signed certificate/i);
    expect(received).toEqual([]);
  });
});
