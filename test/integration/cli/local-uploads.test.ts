import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startExchange, type LocalExchange } from '../../../cli/stack.ts';
import { serialiseProducerKeys } from '../../../shared/claim-check.ts';
import { silentLogger } from '../../../shared/logger.ts';

describe('the upload service of waybill up', () => {
  let dir: string;
  let exchange: LocalExchange;
  const start = async (): Promise<LocalExchange> =>
    await startExchange({ dir, logger: silentLogger, origins: ['http://app.test'] });
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-uploads-'));
    exchange = await start();
  });
  afterAll(async () => {
    await exchange[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const files = async (token: string | undefined): Promise<number> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await request(`${exchange.variables['WAYBILL_UPLOADS']}/files`, { headers });
    await response.body.dump();
    return response.statusCode;
  };

  it('takes the token of its variables, and nobody without', async () => {
    expect(await files(exchange.variables['WAYBILL_UPLOAD_TOKEN'])).toBe(200);
    expect(await files(undefined)).toBe(401);
  });

  it('lets pages of its own and of listed origins send to the bucket', async () => {
    const { endpoint } = exchange.local;
    for (const [origin, allowed] of [
      [exchange.uploads.server.url, true],
      ['http://app.test', true],
      ['http://evil.test', false],
    ] as const) {
      const response = await request(`${endpoint}/waybill-payloads/uploads/x`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PUT' },
      });
      await response.body.dump();
      expect(response.statusCode === 200, origin).toBe(allowed);
    }
  });

  it('keeps its keys over a restart, and adds them to a directory that lacks them', async () => {
    const token = exchange.variables['WAYBILL_UPLOAD_TOKEN'];
    const before = exchange.producerKeys;
    await exchange[Symbol.asyncDispose]();
    const path = join(dir, 'producer-keys.json');
    const producer = before.find(({ issuer }) => issuer === 'local-producer');
    await writeFile(path, serialiseProducerKeys([producer!]));
    exchange = await start();
    expect(await files(token)).toBe(200);
    expect(exchange.producerKeys.map(({ issuer }) => issuer)).toEqual(['local-producer', 'local-uploads']);
    expect(exchange.producerKeys[0]).toEqual(producer);
    expect(await readFile(path, 'utf8')).toContain('local-uploads');
    for (const file of ['upload-token-key.json', 'upload-signing-key.json'])
      expect((await stat(join(dir, file))).mode & 0o777).toBe(0o600);
  });
});
