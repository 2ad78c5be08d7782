import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownCredentials, type OwnCredentialsOptions } from '../../../consumers/own-credentials.ts';
import { PayloadGoneError, UnknownStoreError, UrlServiceError } from '../../../shared/errors.ts';
import { checkAccessUrl } from '../../../shared/stores.ts';
import { startFixture, type Fixture } from '../producers/url-service/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(async () => {
  await fixture.close();
});

const source = (options: Partial<OwnCredentialsOptions> = {}) =>
  ownCredentials({
    stores: fixture.stores,
    credentials: fixture.stack.credentials,
    clock: fixture.clock,
    ...options,
  });

describe("a refetch with the consumer's own rights", () => {
  it('gives a URL that leads to the bytes, after one HEAD', async () => {
    const { attachment } = await fixture.put('hello');
    fixture.stack.spy.clear();
    const fresh = await source({ caller: 'archive', urlTtlSeconds: 60 }).refetch(attachment, {});
    await expect.poll(() => fixture.s3Calls()).toEqual(['HeadObject']);
    const href = fresh.access.url.reveal();
    checkAccessUrl(href, fixture.stores.get('payloads'), attachment);
    expect(new URL(href).searchParams.get('x-waybill-caller')).toBe('archive');
    expect(fresh).toMatchObject({ versionId: attachment.versionId, size: 5, digest: attachment.digest });
    expect(Date.parse(fresh.access.expiresAt) - Date.parse(fresh.access.issuedAt)).toBe(60_000);
    expect(await (await request(href)).body.text()).toBe('hello');
  });

  it('needs no claim check', async () => {
    const { attachment } = await fixture.put('');
    const { claimCheck, ...bare } = attachment;
    expect(claimCheck).toBeDefined();
    expect(await source().refetch(bare, {})).toMatchObject({ size: 0 });
  });

  it('says gone of a deleted version and of a delete marker', async () => {
    const { attachment } = await fixture.put('x');
    const { key: Key, versionId: VersionId } = attachment;
    const marker = await fixture.s3.send(new DeleteObjectCommand({ Bucket: 'payloads', Key }));
    const ofMarker = { ...attachment, versionId: marker.VersionId! };
    await expect(source().refetch(ofMarker, {})).rejects.toThrow(PayloadGoneError);
    await fixture.s3.send(new DeleteObjectCommand({ Bucket: 'payloads', Key, VersionId }));
    await expect(source().refetch(attachment, {})).rejects.toThrow(PayloadGoneError);
  });

  it('does not take a missing bucket for a missing payload', async () => {
    const { attachment } = await fixture.put('x');
    const promise = source().refetch({ ...attachment, store: 'other' }, {});
    await expect(promise).rejects.toThrow(UrlServiceError);
    await expect(promise).rejects.toMatchObject({ disposition: 'unavailable' });
  });

  it('fails as unavailable when S3 refuses', async () => {
    const { attachment } = await fixture.put('x');
    const match = { service: 's3', operation: 'HeadObject' } as const;
    fixture.stack.faults.add({
      match,
      times: 9,
      faults: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    await expect(source().refetch(attachment, {})).rejects.toThrow(
      /HEAD s3:\/\/payloads.*expected 200, got HTTP 403/,
    );
  });

  it('fails on an unknown store, an aborted signal and a life out of range', async () => {
    const { attachment } = await fixture.put('x');
    await expect(source().refetch({ ...attachment, store: 'nowhere' }, {})).rejects.toThrow(
      UnknownStoreError,
    );
    const reason = new Error('enough');
    await expect(source().refetch(attachment, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(() => source({ urlTtlSeconds: 604_801 })).toThrow(RangeError);
  });
});
