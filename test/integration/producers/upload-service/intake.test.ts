import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { createIntake, sweepUploads, type AcceptedRecord } from '../../../../producers/index.ts';
import { PNG, put, startUploadFixture, type UploadFixture } from './fixture.ts';

let fixture: UploadFixture;
afterEach(async () => {
  await fixture.close();
});

const open = async (more: object = {}) => {
  const body = {
    name: 'me.png',
    mediaType: 'image/png',
    size: PNG.byteLength,
    type: 'avatar.uploaded',
    ...more,
  };
  return (await fixture.call('POST', '/uploads', { owner: 'ann', body })).body;
};

describe('news of one version, told many times at once', () => {
  it('is one event', async () => {
    let giveUp: () => void = () => {};
    const stuck = new Promise<void>((resolve) => (giveUp = resolve));
    fixture = await startUploadFixture({ intake: { publish: () => stuck } });
    const published: string[] = [];
    const intake = createIntake({
      service: fixture.service,
      records: fixture.records,
      publish: (record) => Promise.resolve(void published.push(record.eventId)),
    });
    const { uploadId, eventId } = await open();
    const Key = `uploads/${uploadId}/content`;
    await fixture.s3.send(new PutObjectCommand({ Bucket: 'payloads', Key, Body: PNG }));
    const { record } = await accepted(uploadId);
    const created = { key: Key, versionId: record.accepted.versionId };
    // The fixture's own intake has pinned the version and is stuck; after a while another takes over.
    await expect(intake(created)).rejects.toThrow('is being published');
    fixture.clock.offsetMs += 61_000;
    const later = createIntake({
      service: fixture.service,
      records: fixture.records,
      publish: (taken) => Promise.resolve(void published.push(taken.eventId)),
      clock: fixture.clock,
    });
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, async () => await later(created)));
    expect(published).toEqual([eventId]);
    expect(outcomes.filter((each) => each.status === 'fulfilled').map((each) => each.value)).toContain(
      'published',
    );
    expect(await later(created)).toBe('again');
    expect(published).toEqual([eventId]);
    giveUp(); // or its queue would wait for it
  });
});

describe('a publish that fails', () => {
  it('is tried again at once, not when another may take over', async () => {
    const published: string[] = [];
    fixture = await startUploadFixture({
      intake: {
        publish: (record) => {
          published.push(record.eventId);
          return published.length === 1 ? Promise.reject(new Error('the bus is away')) : Promise.resolve();
        },
      },
    });
    const { uploadId, eventId, put: signed } = await open();
    await put(signed, PNG);
    expect((await fixture.settled('ann', uploadId, ['published'])).body.state).toBe('published');
    expect(published).toEqual([eventId, eventId]);
  });
});

async function accepted(uploadId: string): Promise<{ record: AcceptedRecord }> {
  await fixture.settled('ann', uploadId, ['accepted']);
  return (await fixture.service.records.get(uploadId)) as { record: AcceptedRecord };
}

describe('a scan', () => {
  it('keeps a file back until it is clean, and is tried again when it fails', async () => {
    const seen: number[] = [];
    fixture = await startUploadFixture({
      intake: {
        scan: async ({ open: read }) => {
          let bytes = 0;
          for await (const chunk of await read()) bytes += (chunk as Buffer).byteLength;
          seen.push(bytes);
          if (seen.length === 1) throw new Error('the scanner is down');
          return { clean: true };
        },
      },
    });
    const { uploadId, put: signed } = await open();
    await put(signed, PNG);
    const settled = await fixture.settled('ann', uploadId);
    expect(settled.body.state).toBe('published');
    expect(seen).toEqual([PNG.byteLength, PNG.byteLength]);
  });

  it('refuses what is not clean, with its reason', async () => {
    fixture = await startUploadFixture({
      intake: { scan: () => Promise.resolve({ clean: false, reason: 'Eicar-Test-Signature' }) },
    });
    const { uploadId, put: signed } = await open();
    await put(signed, PNG);
    const { body } = await fixture.settled('ann', uploadId);
    expect(body).toMatchObject({ state: 'refused', refusal: { code: 'scan' } });
    expect(body.refusal.detail).toContain('Eicar-Test-Signature');
    expect(fixture.events()).toEqual([]);
  });
});

describe('the sweep', () => {
  it('takes back what was never completed, after a grace time', async () => {
    fixture = await startUploadFixture();
    const size = 20 * 1024 ** 2;
    const never = await open({ size, type: 'document.uploaded', mediaType: 'text/plain' });
    const done = await open();
    await put(done.put, PNG);
    await fixture.settled('ann', done.uploadId);
    fixture.clock.offsetMs += 86_400_000;
    const { service, clock } = fixture;
    expect(await sweepUploads(service, { clock })).toEqual({ aborted: [], stuck: [] });
    fixture.clock.offsetMs += 3_601_000;
    expect(await sweepUploads(service, { clock })).toEqual({ aborted: [never.uploadId], stuck: [] });
    expect((await fixture.call('GET', `/uploads/${never.uploadId}`, { owner: 'ann' })).body.state).toBe(
      'aborted',
    );
    for await (const left of service.records.openOf('https://id.test|ann')) expect(left).toBeUndefined();
    expect(await sweepUploads(service, { clock })).toEqual({ aborted: [], stuck: [] });
  });
});

describe('an object that nobody opened an upload for', () => {
  it('is left alone', async () => {
    fixture = await startUploadFixture();
    const intake = createIntake({
      service: fixture.service,
      records: fixture.records,
      publish: () => Promise.reject(new Error('never')),
    });
    expect(await intake({ key: 'payloads/x/y', versionId: 'v' })).toBe('foreign');
    expect(await intake({ key: `uploads/${'0'.repeat(32)}.x/content`, versionId: 'v' })).toBe('foreign');
  });
});
