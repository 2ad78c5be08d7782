import { DeleteObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createClaimCheckSigner,
  createClaimCheckVerifier,
  generateProducerKey,
} from '../../../../shared/claim-check.ts';
import { checkAccessUrl } from '../../../../shared/stores.ts';
import { CALLER, startFixture, TYPE, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(async () => {
  await fixture.close();
});

const redeemOne = async (jws: string, caller = CALLER, service = fixture.service()) => {
  const [result] = await service.redeem([jws], caller);
  return result!;
};
const revealed = (secret: { reveal(): string } | undefined): string => secret!.reveal();

describe('the URL service', () => {
  it('gives a URL that leads to the bytes, for the payload and caller it was asked for', async () => {
    const { attachment } = await fixture.put('twelve bytes');
    const result = await redeemOne(revealed(attachment.claimCheck));
    if (result.status !== 200) throw new Error(`got ${result.status}`);
    const href = result.access.url.reveal();
    checkAccessUrl(href, fixture.stores.get('payloads'), attachment);
    expect(new URL(href).searchParams.getAll('x-waybill-caller')).toEqual([CALLER]);
    expect(result).toMatchObject({ versionId: attachment.versionId, size: 12, digest: attachment.digest });
    const response = await request(href);
    expect(response.statusCode).toBe(200);
    expect(await response.body.text()).toBe('twelve bytes');
  });

  it('gives a URL that dies when it says, and whose caller cannot be changed', async () => {
    const { attachment } = await fixture.put('x');
    const result = await redeemOne(
      revealed(attachment.claimCheck),
      CALLER,
      fixture.service({ urlTtlSeconds: 60 }),
    );
    if (result.status !== 200) throw new Error(`got ${result.status}`);
    const href = result.access.url.reveal();
    const forged = await request(href.replace('x-waybill-caller=archive', 'x-waybill-caller=other'));
    expect([forged.statusCode, await forged.body.text()]).toEqual([
      403,
      expect.stringContaining('SignatureDoesNotMatch'),
    ]);
    fixture.clock.offsetMs += 61_000;
    const late = await request(href);
    expect([late.statusCode, await late.body.text()]).toEqual([
      403,
      expect.stringContaining('Request has expired'),
    ]);
    expect(Date.parse(result.access.expiresAt) - Date.parse(result.access.issuedAt)).toBe(60_000);
  });

  it('answers every kind of refusal with the same bytes, and does not touch S3', async () => {
    const { attachment, claims } = await fixture.put('x');
    const good = revealed(attachment.claimCheck);
    const sameKid = createClaimCheckSigner(
      generateProducerKey({ issuer: 'billing', kid: 'billing-1' }).signingKey,
    );
    const unknown = createClaimCheckSigner(
      generateProducerKey({ issuer: 'billing', kid: 'billing-9' }).signingKey,
    );
    const sign = async (change: object, by = fixture.signer) =>
      revealed(await by.sign({ ...claims, ...change }));
    const service = fixture.service({ clock: { ...fixture.clock, nowMs: () => 1_900_000_000_000 } });
    const cases: [string, string][] = [
      [await sign({}, sameKid), CALLER],
      [await sign({}, unknown), CALLER],
      [await sign({ key: 'payloads/hr/x' }), CALLER],
      [await sign({ type: 'salary.paid' }), CALLER],
      [await sign({ store: 'nowhere' }), CALLER],
      ['garbage', CALLER],
      [`${good.split('.').slice(0, 2).join('.')}.AAAA`, CALLER],
      [good, 'stranger'],
      [good, 'toString'],
    ];
    fixture.stack.spy.clear();
    const bodies = new Set<string>();
    for (const [jws, caller] of cases) bodies.add(JSON.stringify(await redeemOne(jws, caller, service)));
    expect([...bodies]).toEqual([
      '{"status":403,"error":"forbidden","message":"This claim check gives you nothing here.","serverTime":"2030-03-17T17:46:40.000Z"}',
    ]);
    expect(fixture.s3Calls()).toEqual([]);
    expect((await redeemOne(good, CALLER, service)).status).toBe(200);
  });

  it("refuses another producer's key although both are known", async () => {
    const { claims } = await fixture.put('x');
    const hr = generateProducerKey({ issuer: 'hr' });
    const verifier = createClaimCheckVerifier({
      keys: [fixture.producerKey, hr.producerKey],
      clock: fixture.clock,
    });
    const jws = revealed(await createClaimCheckSigner(hr.signingKey).sign(claims));
    expect(await redeemOne(jws, CALLER, fixture.service({ verifier }))).toMatchObject({ status: 403 });
  });

  it('says gone when the retention is over, without asking S3', async () => {
    const { attachment } = await fixture.put('x', '2026-01-01T00:00:00Z');
    fixture.stack.spy.clear();
    expect(await redeemOne(revealed(attachment.claimCheck))).toMatchObject({ status: 410, error: 'gone' });
    expect(fixture.s3Calls()).toEqual([]);
  });

  it('says revoked when the version is tagged so', async () => {
    const { attachment } = await fixture.put('x');
    const { key: Key, versionId: VersionId } = attachment;
    const Tagging = { TagSet: [{ Key: 'waybill:revoked', Value: 'true' }] };
    await fixture.s3.send(new PutObjectTaggingCommand({ Bucket: 'payloads', Key, VersionId, Tagging }));
    expect(await redeemOne(revealed(attachment.claimCheck))).toMatchObject({ status: 410, error: 'revoked' });
  });

  it('says not found when the version is deleted or is a delete marker, in one call each', async () => {
    const { attachment, claims } = await fixture.put('x');
    const { key: Key, versionId } = attachment;
    const marker = await fixture.s3.send(new DeleteObjectCommand({ Bucket: 'payloads', Key }));
    expect(await redeemOne(revealed(attachment.claimCheck))).toMatchObject({ status: 200 });
    const ofMarker = await fixture.signer.sign({ ...claims, versionId: marker.VersionId! });
    expect(await redeemOne(revealed(ofMarker))).toMatchObject({ status: 404, error: 'not-found' });
    await fixture.s3.send(new DeleteObjectCommand({ Bucket: 'payloads', Key, VersionId: versionId }));
    expect(await redeemOne(revealed(attachment.claimCheck))).toMatchObject({
      status: 404,
      error: 'not-found',
    });
    const taggings = () => fixture.s3Calls().filter((operation) => operation === 'GetObjectTagging').length;
    await expect.poll(taggings).toBe(3);
  });

  it('says unavailable when S3 fails, denies, or the bucket is missing', async () => {
    const { attachment, claims } = await fixture.put('x');
    const match = { service: 's3', operation: 'GetObjectTagging' } as const;
    for (const fault of [
      { kind: 'status', status: 503, code: 'SlowDown' },
      { kind: 'status', status: 403, code: 'AccessDenied' },
      { kind: 'drop-response' },
    ] as const) {
      fixture.stack.faults.add({ match, times: 10, faults: fault });
      expect(await redeemOne(revealed(attachment.claimCheck))).toMatchObject({
        status: 503,
        error: 'unavailable',
      });
      fixture.stack.faults.clear();
    }
    const elsewhere = await fixture.signer.sign({ ...claims, store: 'other' });
    expect(await redeemOne(revealed(elsewhere))).toMatchObject({ status: 503 });
  });

  it('says unavailable rather than sign with credentials that are about to end', async () => {
    const { attachment } = await fixture.put('x');
    const expiration = new Date(fixture.clock.nowMs() + 30_000);
    const service = fixture.service({ credentials: { ...fixture.stack.credentials, expiration } });
    expect(await redeemOne(revealed(attachment.claimCheck), CALLER, service)).toMatchObject({ status: 503 });
  });

  it('answers in order, each item by itself', async () => {
    const puts = await Promise.all(['a', 'bb', 'ccc'].map((body) => fixture.put(body)));
    const [a, b, c] = puts.map(({ attachment }) => revealed(attachment.claimCheck));
    const results = await fixture.service({ parallelism: 2 }).redeem([a!, 'garbage', b!, c!], CALLER);
    expect(results.map((result) => (result.status === 200 ? result.size : result.status))).toEqual([
      1, 403, 2, 3,
    ]);
    await expect(fixture.service({ maxItems: 2 }).redeem([a!, b!, c!], CALLER)).rejects.toThrow(
      new RangeError('claimChecks: got 3, expected at most 2'),
    );
  });

  it('limits each caller by itself', async () => {
    const { attachment } = await fixture.put('x');
    const jws = revealed(attachment.claimCheck);
    const service = fixture.service({
      callers: undefined,
      authorise: () => true,
      rateLimit: { perCallerPerSecond: 0.001, burst: 2 },
    });
    const results = await service.redeem([jws, jws, jws], 'one');
    expect(results.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 200, 429]);
    expect(await redeemOne(jws, 'two', service)).toMatchObject({ status: 200 });
  });

  it('stops when its caller leaves', async () => {
    const { attachment } = await fixture.put('x');
    const reason = new Error('left');
    const promise = fixture.service().redeem([revealed(attachment.claimCheck)], CALLER, {
      signal: AbortSignal.abort(reason),
    });
    await expect(promise).rejects.toBe(reason);
  });

  it('audits every item by one line without secrets', async () => {
    const { attachment, claims } = await fixture.put('x');
    await fixture.service().redeem([revealed(attachment.claimCheck), 'garbage'], CALLER);
    const { key, versionId } = claims;
    expect(fixture.logs.map(({ fields }) => fields)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ caller: CALLER, iss: 'billing', key, versionId, outcome: 'granted' }),
        expect.objectContaining({ caller: CALLER, outcome: 'forbidden' }),
      ]),
    );
    expect(fixture.logs).toHaveLength(2);
    expect(JSON.stringify(fixture.logs)).not.toMatch(/X-Amz|eyJ|secret/i);
  });

  it('takes a function for who may have what', async () => {
    const { attachment, claims } = await fixture.put('x');
    const seen: unknown[] = [];
    const authorise = (caller: string, asked: object): boolean => seen.push({ caller, ...asked }) > 1;
    const service = fixture.service({ callers: undefined, authorise });
    expect(await redeemOne(revealed(attachment.claimCheck), 'x', service)).toMatchObject({ status: 403 });
    expect(await redeemOne(revealed(attachment.claimCheck), 'x', service)).toMatchObject({ status: 200 });
    expect(seen[0]).toEqual({
      caller: 'x',
      type: TYPE,
      issuer: 'billing',
      key: claims.key,
      store: 'payloads',
    });
  });
});
