import { createHash } from 'node:crypto';
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { FormData, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32c, crc32cToBase64 } from '../../../../shared/crc32c.ts';
import { PNG, put, startUploadFixture, type UploadFixture } from './fixture.ts';

let fixture: UploadFixture;
beforeAll(async () => {
  fixture = await startUploadFixture();
});
afterAll(async () => {
  await fixture.close();
});

const sha256 = (bytes: Buffer): string => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
const open = async (owner: string, body: object) => await fixture.call('POST', '/uploads', { owner, body });
const avatar = (more: object = {}) => ({
  name: 'me.png',
  mediaType: 'image/png',
  size: PNG.byteLength,
  type: 'avatar.uploaded',
  ...more,
});
const versionsOf = async (uploadId: string): Promise<number> => {
  const { Versions = [] } = await fixture.s3.send(
    new ListObjectVersionsCommand({ Bucket: 'payloads', Prefix: `uploads/${uploadId}/` }),
  );
  return Versions.length;
};
const eventsOf = (eventId: string) => fixture.events().filter(({ id }) => id === eventId);

async function post(
  form: { url: string; fields: Record<string, string> },
  bytes: Buffer,
  change: Record<string, string> = {},
): Promise<number> {
  const data = new FormData();
  for (const [name, value] of Object.entries({ ...form.fields, ...change })) data.append(name, value);
  data.append('file', new Blob([bytes]), 'whatever.bin');
  const response = await request(form.url, { method: 'POST', body: data });
  await response.body.dump();
  return response.statusCode;
}

describe('a PUT', () => {
  it('becomes one event that names the file, its digest and its version', async () => {
    const opened = await open('ann', avatar({ digest: sha256(PNG), data: { person: 7 } }));
    expect(opened.status).toBe(201);
    const { uploadId, eventId } = opened.body;
    expect((await put(opened.body.put, PNG)).status).toBe(200);
    expect((await fixture.settled('ann', uploadId)).body).toMatchObject({
      state: 'published',
      digest: sha256(PNG),
    });
    const [event, ...more] = eventsOf(eventId);
    expect(more).toEqual([]);
    expect(event).toMatchObject({ type: 'avatar.uploaded', data: { person: 7 } });
    const [attachment] = event!.data.attachments;
    expect(attachment).toMatchObject({
      name: 'me.png',
      mediaType: 'image/png',
      size: PNG.byteLength,
      digest: sha256(PNG),
      key: `uploads/${uploadId}/content`,
    });
    const { Body } = await fixture.s3.send(
      new GetObjectCommand({
        Bucket: 'payloads',
        Key: attachment!['key'] as string,
        VersionId: attachment!['versionId'] as string,
      }),
    );
    expect(Buffer.from(await Body!.transformToByteArray()).equals(PNG)).toBe(true);
  });

  it('is refused by S3 itself with other bytes, another length or another type', async () => {
    const { body } = await open('ann', avatar({ digest: sha256(PNG) }));
    const flipped = Buffer.from(PNG);
    flipped[40]! ^= 1;
    expect((await put(body.put, flipped)).status).toBe(400);
    expect((await put(body.put, PNG, { 'content-type': 'text/html' })).status).toBe(403);
    const longer = Buffer.concat([PNG, PNG]);
    const change = { 'content-length': String(longer.byteLength) };
    expect((await put(body.put, longer, change)).status).toBe(403);
    expect((await put(body.put, PNG, { 'x-amz-tagging': 'a=b' })).status).toBe(403);
    expect(await versionsOf(body.uploadId)).toBe(0);
  });

  it('cannot overwrite what it stored', async () => {
    const { body } = await open('ann', avatar());
    expect((await put(body.put, PNG)).status).toBe(200);
    expect((await put(body.put, PNG)).status).toBe(412);
  });

  it('of something else than it says is refused, deleted, and never published', async () => {
    const text = Buffer.from('<script>alert(1)</script> not an image at all');
    const { body } = await open('ann', avatar({ size: text.byteLength }));
    expect((await put(body.put, text)).status).toBe(200);
    const settled = await fixture.settled('ann', body.uploadId);
    expect(settled.body).toMatchObject({
      state: 'refused',
      refusal: { code: 'media-type', detail: expect.stringContaining('announced as image/png') },
    });
    await expect.poll(() => versionsOf(body.uploadId)).toBe(0); // first it is written down, then it is done
    expect(eventsOf(body.eventId)).toEqual([]);
  });

  it('of nothing is an empty file', async () => {
    const { body } = await open(
      'ann',
      avatar({ size: 0, type: 'document.uploaded', mediaType: 'text/plain' }),
    );
    expect((await put(body.put, Buffer.alloc(0))).status).toBe(200);
    expect((await fixture.settled('ann', body.uploadId)).body.state).toBe('published');
  });
});

describe('a form', () => {
  it('becomes one event, and sent again changes nothing', async () => {
    const { body } = await open('ann', avatar({ method: 'post' }));
    expect(await post(body.post, PNG)).toBe(201);
    await fixture.settled('ann', body.uploadId);
    const [event] = eventsOf(body.eventId);
    const other = Buffer.from(PNG);
    other[45]! ^= 1;
    const deleted = fixture.stack.spy.waitFor(
      (record) =>
        record.kind === 's3' &&
        record.operation === 'DeleteObject' &&
        record.key === `uploads/${body.uploadId}/content`,
    );
    expect(await post(body.post, other)).toBe(201); // S3 cannot refuse it: a form is not conditional
    await deleted;
    expect(await versionsOf(body.uploadId)).toBe(1);
    expect(eventsOf(body.eventId)).toEqual([event]);
    expect((await fixture.settled('ann', body.uploadId)).body.digest).toBe(sha256(PNG));
    const audited = [];
    for await (const { key } of fixture.records.list(`uploads/audit/${body.uploadId}/`)) audited.push(key);
    expect(audited).toHaveLength(1);
  });

  it('is refused by S3 with another key, type, size, or a field that nobody signed', async () => {
    const { body } = await open('ann', avatar({ method: 'post' }));
    const other = await open('ann', avatar({ method: 'post' }));
    const { key } = other.body.post.fields;
    expect(await post(body.post, PNG, { key })).toBe(403);
    expect(await post(body.post, PNG, { 'Content-Type': 'text/html' })).toBe(403);
    expect(await post(body.post, Buffer.concat([PNG, PNG]))).toBe(400);
    expect(await post(body.post, PNG.subarray(1))).toBe(400);
    expect(await post(body.post, PNG, { tagging: '<Tagging/>' })).toBe(403);
    expect(await versionsOf(body.uploadId)).toBe(0);
  });

  it('is refused once it has expired', async () => {
    const { body } = await open('ann', avatar({ method: 'post' }));
    fixture.clock.offsetMs += 901_000;
    expect(await post(body.post, PNG)).toBe(403);
    fixture.clock.offsetMs = 0;
  });
});

describe('a multipart upload', () => {
  const bytes = Buffer.alloc(20 * 1024 ** 2, 'waybill ');
  const document = (more: object = {}) => ({
    name: 'big.txt',
    mediaType: 'text/plain',
    size: bytes.byteLength,
    type: 'document.uploaded',
    ...more,
  });
  const sign = async (uploadId: string, parts: object[], owner = 'bob') =>
    await fixture.call('POST', `/uploads/${uploadId}/parts`, { owner, body: { parts } });
  const part = (number: number): Buffer =>
    bytes.subarray((number - 1) * 8 * 1024 ** 2, number * 8 * 1024 ** 2);

  it('takes parts in any order, tells what is missing, and becomes one event', async () => {
    const { body } = await open('bob', document());
    expect(body.multipart).toEqual({ partSizeBytes: 8 * 1024 ** 2, partCount: 3 });
    const signed = await sign(body.uploadId, [{ partNumber: 3 }, { partNumber: 1 }]);
    for (const each of signed.body.parts) expect((await put(each, part(each.partNumber))).status).toBe(200);
    const early = await fixture.call('POST', `/uploads/${body.uploadId}/complete`, { owner: 'bob' });
    expect(early.status).toBe(409);
    expect(early.body).toMatchObject({ type: 'urn:waybill:problem:parts-missing', missing: [2] });
    const there = await fixture.call('GET', `/uploads/${body.uploadId}/parts`, { owner: 'bob' });
    expect(there.body.parts.map((each: { partNumber: number }) => each.partNumber)).toEqual([1, 3]);
    const [second] = (await sign(body.uploadId, [{ partNumber: 2 }])).body.parts;
    await put(second, part(2));
    const done = await fixture.call('POST', `/uploads/${body.uploadId}/complete`, { owner: 'bob' });
    expect(done.status).toBe(200);
    expect((await fixture.settled('bob', body.uploadId)).body).toMatchObject({
      state: 'published',
      digest: sha256(bytes),
    });
    expect(eventsOf(body.eventId)).toHaveLength(1);
    const again = await fixture.call('POST', `/uploads/${body.uploadId}/complete`, { owner: 'bob' });
    expect(again.status).toBe(409);
    expect(eventsOf(body.eventId)).toHaveLength(1);
  });

  it('has S3 compare every part with its CRC32C', async () => {
    const { body } = await open('bob', document({ partChecksums: true }));
    expect((await sign(body.uploadId, [{ partNumber: 1 }])).status).toBe(400);
    const parts = [1, 2, 3].map((partNumber) => ({
      partNumber,
      crc32c: crc32cToBase64(crc32c(part(partNumber))),
    }));
    const signed = (await sign(body.uploadId, parts)).body.parts;
    const flipped = Buffer.from(part(1));
    flipped[5]! ^= 1;
    expect((await put(signed[0], flipped)).status).toBe(400);
    for (const each of signed) expect((await put(each, part(each.partNumber))).status).toBe(200);
    await fixture.call('POST', `/uploads/${body.uploadId}/complete`, { owner: 'bob' });
    expect((await fixture.settled('bob', body.uploadId)).body.state).toBe('published');
  });

  it('is nobody else’s', async () => {
    const { body } = await open('bob', document());
    const path = `/uploads/${body.uploadId}`;
    expect((await sign(body.uploadId, [{ partNumber: 1 }], 'eve')).status).toBe(404);
    for (const [method, at] of [
      ['GET', path],
      ['DELETE', path],
      ['GET', `${path}/parts`],
      ['POST', `${path}/complete`],
      ['POST', `/files/${body.uploadId}/url`],
      ['POST', `/files/${body.uploadId}/links`],
    ] as const)
      expect((await fixture.call(method, at, { owner: 'eve' })).status).toBe(404);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const { body } = await open('bob', document());
    const [first] = (await sign(body.uploadId, [{ partNumber: 1 }])).body.parts;
    await put(first, part(1));
    const cancelled = await fixture.call('DELETE', `/uploads/${body.uploadId}`, { owner: 'bob' });
    expect(cancelled.body.state).toBe('aborted');
    const { Uploads = [] } = await fixture.s3.send(
      new ListMultipartUploadsCommand({ Bucket: 'payloads', Prefix: `uploads/${body.uploadId}/` }),
    );
    expect(Uploads).toEqual([]);
    expect((await sign(body.uploadId, [{ partNumber: 2 }])).status).toBe(409);
  });
});
