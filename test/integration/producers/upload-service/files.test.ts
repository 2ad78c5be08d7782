import { DeleteObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PNG, put, startUploadFixture, type UploadFixture } from './fixture.ts';

let fixture: UploadFixture;
beforeAll(async () => {
  fixture = await startUploadFixture();
});
afterAll(async () => {
  await fixture.close();
});

/** Uploads a picture to its end. @returns its upload id */
async function uploaded(owner: string, name = 'me.png'): Promise<string> {
  const body = { name, mediaType: 'image/png', size: PNG.byteLength, type: 'avatar.uploaded' };
  const opened = await fixture.call('POST', '/uploads', { owner, body });
  await put(opened.body.put, PNG);
  await fixture.settled(owner, opened.body.uploadId);
  return opened.body.uploadId;
}

const get = async (url: string) => {
  const response = await request(url);
  return {
    status: response.statusCode,
    headers: response.headers,
    bytes: Buffer.from(await response.body.arrayBuffer()),
  };
};

describe('files', () => {
  it('are listed newest first, to their owner only', async () => {
    const ids = [await uploaded('list', 'a.png'), await uploaded('list', 'b.png')];
    const { body } = await fixture.call('GET', '/files', { owner: 'list' });
    expect(body.files.map((file: { uploadId: string }) => file.uploadId)).toEqual(ids.toReversed());
    expect(body.next).toBeUndefined();
    const after = await fixture.call('GET', `/files?after=${ids[1]}`, { owner: 'list' });
    expect(after.body.files).toHaveLength(1);
    expect((await fixture.call('GET', '/files', { owner: 'other' })).body).toEqual({ files: [] });
  });

  it('are fetched by a fresh URL, to be saved under their name', async () => {
    const id = await uploaded('url', 'dossier/Übersicht "1".png');
    const { body } = await fixture.call('POST', `/files/${id}/url`, { owner: 'url' });
    const got = await get(body.url);
    expect(got.bytes.equals(PNG)).toBe(true);
    expect(got.headers['content-disposition']).toBe(
      `attachment; filename="_bersicht _1_.png"; filename*=UTF-8''%C3%9Cbersicht%20%221%22.png`,
    );
  });

  it('cannot be fetched before they are accepted', async () => {
    const body = { name: 'me.png', mediaType: 'image/png', size: PNG.byteLength, type: 'avatar.uploaded' };
    const opened = await fixture.call('POST', '/uploads', { owner: 'early', body });
    const answer = await fixture.call('POST', `/files/${opened.body.uploadId}/url`, { owner: 'early' });
    expect(answer.body).toMatchObject({ status: 409, state: 'open' });
  });
});

describe('a link for people', () => {
  const link = async (owner: string, body: object = {}) => {
    const id = await uploaded(owner);
    const made = await fixture.call('POST', `/files/${id}/links`, { owner, body });
    expect(made.status).toBe(201);
    return { id, ...(made.body as { url: string; linkId: string; expiresAt: string }) };
  };
  const page = async (url: string) => await fixture.call('GET', url);
  const use = async (url: string) => await fixture.call('POST', url);

  it('shows a page that uses nothing, and gives a fresh URL for every POST', async () => {
    const { url } = await link('mail', { maxUses: 2 });
    for (let scans = 0; scans < 5; scans += 1) {
      const shown = await page(url);
      expect(shown.status).toBe(200);
      expect(shown.text).toContain('me.png');
      expect(shown.headers).toMatchObject({
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'content-security-policy': expect.stringContaining("default-src 'none'"),
      });
    }
    for (let uses = 0; uses < 2; uses += 1) {
      const used = await use(url);
      expect(used.status).toBe(303);
      const got = await get(String(used.headers['location']));
      expect(got.bytes.equals(PNG)).toBe(true);
      expect(got.headers['content-disposition']).toContain('attachment');
    }
    expect((await use(url)).status).toBe(410);
    expect((await page(url)).text).toContain('used as often as it may be');
  });

  it('works long after its first URL has expired, and ends by its own date', async () => {
    const { url } = await link('late', { expiresInSeconds: 3600 });
    const first = String((await use(url)).headers['location']);
    fixture.clock.offsetMs += 600_000;
    expect((await get(first)).status).toBe(403);
    expect((await get(String((await use(url)).headers['location']))).status).toBe(200);
    fixture.clock.offsetMs += 3_600_000;
    expect((await use(url)).status).toBe(410);
    const ended = await page(url);
    expect([ended.status, ended.headers['content-type']]).toEqual([410, 'text/html; charset=utf-8']);
    expect(ended.text).toContain('This link ended on');
    fixture.clock.offsetMs = 0;
  });

  it('is taken back by its owner alone', async () => {
    const { url, linkId } = await link('owner');
    expect((await fixture.call('DELETE', `/links/${linkId}`, { owner: 'eve' })).status).toBe(404);
    expect((await use(url)).status).toBe(303);
    expect((await fixture.call('DELETE', `/links/${linkId}`, { owner: 'owner' })).status).toBe(204);
    expect((await use(url)).status).toBe(410);
    expect((await page(url)).text).toContain('taken back by its sender');
  });

  it('gives nothing once the file is revoked or gone', async () => {
    const { url, id } = await link('revoked');
    const { record } = (await fixture.service.records.get(id))!;
    const object = { Bucket: 'payloads', Key: record.key, VersionId: record.accepted!.versionId };
    const TagSet = [{ Key: 'waybill:revoked', Value: 'yes' }];
    await fixture.s3.send(new PutObjectTaggingCommand({ ...object, Tagging: { TagSet } }));
    expect((await page(url)).text).toContain('This file was revoked');
    await fixture.s3.send(new DeleteObjectCommand(object));
    expect((await use(url)).status).toBe(410);
  });

  it('is used exactly as often as it may be when many use it at once', async () => {
    const { url } = await link('race', { maxUses: 3 });
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await use(url)).status));
    expect(statuses.filter((status) => status === 303)).toHaveLength(3);
    expect(statuses.filter((status) => status === 410)).toHaveLength(5);
  });

  it('is kept as a hash: the control bucket does not hold what was mailed', async () => {
    const { url, linkId } = await link('hash');
    const secret = url.split('/').at(-1)!;
    for await (const { key } of fixture.records.list('links/')) {
      expect(key).not.toContain(secret);
      expect((await fixture.records.get(key))?.body).not.toContain(secret);
    }
    expect((await page(`/d/${linkId}`)).status).toBe(404);
  });

  it('shows names as text', async () => {
    const id = await uploaded('xss', '<img src=x onerror=alert(1)>.png');
    const { body } = await fixture.call('POST', `/files/${id}/links`, { owner: 'xss', body: {} });
    const shown = await page(body.url);
    expect(shown.text).not.toContain('<img');
  });
});
