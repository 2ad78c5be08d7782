import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startExchange, type LocalExchange } from '../../../cli/stack.ts';
import type { ExchangeChange } from '../../../shared/exchange-view.ts';
import { silentLogger } from '../../../shared/logger.ts';

describe('the page of waybill up', () => {
  let dir: string;
  let exchange: LocalExchange;
  let url: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-page-'));
    exchange = await startExchange({ dir, logger: silentLogger, page: true });
    ({ url } = exchange.uploads.server);
  }, 60_000);
  afterAll(async () => {
    await exchange[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const ask = async (
    path: string,
    headers: Readonly<Record<string, string>> = {},
    method: 'GET' | 'POST' = 'POST',
  ): Promise<{ status: number; headers: Record<string, string>; text: string }> => {
    const response = await request(`${url}${path}`, { method, headers });
    return {
      status: response.statusCode,
      headers: response.headers as Record<string, string>,
      text: await response.body.text(),
    };
  };

  it('comes with a policy that lets it ask nobody but its server and the store, and run nothing inline', async () => {
    const page = await ask('/', {}, 'GET');
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain(
      `connect-src 'self' ${exchange.local.endpoint};`,
    );
    expect(page.headers['content-security-policy']).not.toContain('unsafe');
    expect(page.text).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=|https?:/);
    for (const [, asset = ''] of page.text.matchAll(/(?:src|href)="\.(\/[^"]+)"/g))
      expect((await ask(asset, {}, 'GET')).status, asset).toBe(200);
  });

  it('leaves to the upload service what is not its own', async () => {
    expect((await ask('/healthz', {}, 'GET')).text).toBe('{"status":"ok"}');
    expect((await ask('/../package.json', {}, 'GET')).status).toBe(404);
  });

  it('says that it is the one on this machine', async () => {
    expect(JSON.parse((await ask('/config.json', {}, 'GET')).text)).toEqual({ server: 'local' });
  });

  it('gives its own scripts a token that the upload service takes', async () => {
    const opened = await ask('/session', { origin: url, 'sec-fetch-site': 'same-origin' });
    expect(opened.status).toBe(200);
    expect(opened.headers['set-cookie']).toMatch(/; Path=\/live; HttpOnly; SameSite=Strict$/);
    expect(opened.headers['cache-control']).toBe('no-store');
    const { token } = JSON.parse(opened.text) as { token: string };
    expect((await ask('/files', { authorization: `Bearer ${token}` }, 'GET')).status).toBe(200);
  });

  it.each([
    ['another origin', { origin: 'http://evil.test' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:1' }],
    ['a page of the same site', { 'sec-fetch-site': 'same-site' }],
    ['a name of others that leads here', { host: 'evil.test' }],
    ['nobody who says where from', { origin: '' }],
  ])('gives nothing to %s', async (_who, headers) => {
    const refused = await ask('/session', { origin: url, ...headers });
    expect(refused.status).toBe(403);
    expect(refused.text).toContain(`opened there`);
    expect(refused.text).not.toContain('eyJ');
    expect(refused.headers['set-cookie']).toBeUndefined();
  });

  it('tells what happens to who has its cookie, and to nobody else', async () => {
    const refused = await ask('/live', {}, 'GET');
    expect([refused.status, refused.text.includes('opened there')]).toEqual([403, true]);
    const forged = await ask('/live', { cookie: `waybill-${exchange.uploads.server.port}=x` }, 'GET');
    expect(forged.status).toBe(403);

    const opened = await ask('/session', { origin: url });
    const [cookie = ''] = (opened.headers['set-cookie'] ?? '').split(';');
    const { body, headers } = await request(`${url}/live`, { headers: { cookie } });
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const changes: ExchangeChange[] = [];
    let text = '';
    for await (const chunk of body) {
      text += String(chunk);
      if (text.split('\n\n').length > 2) break;
    }
    for (const [, data = ''] of text.matchAll(/^data: (.*)$/gm))
      changes.push(JSON.parse(data) as ExchangeChange);
    expect(changes.map(({ first }) => first)).toEqual([true, false]);
    expect(changes[1]?.samples).toMatchObject([{ waiting: 0, inWork: 0, dead: 0 }]);
    expect((await ask('/live/url?event=x&attachment=1', { origin: url, cookie })).status).toBe(404);
    expect((await ask('/live/url?event=x&attachment=1', { cookie })).status).toBe(403);
  });

  it('sends who opens it by another name to its own address', async () => {
    const { port } = exchange.uploads.server;
    const moved = await ask('/', { host: `localhost:${port}` }, 'GET');
    expect([moved.status, moved.headers['location']]).toEqual([302, `${url}/`]);
  });
});
