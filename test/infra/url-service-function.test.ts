import { readFileSync } from 'node:fs';
import { PutObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PRODUCER_KEYS_KEY } from '../../shared/claim-check-keys.ts';
import { serialiseProducerKeys } from '../../shared/claim-check.ts';
import { REVOKED_TAG } from '../../shared/revoked-tag.ts';
import { startFixture, TYPE, type Fixture } from '../integration/producers/url-service/fixture.ts';
import { bundleOf } from './bundling.ts';

const recorded = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/lambda/${name}.json`, import.meta.url), 'utf8')) as {
    requestContext: { authorizer: any };
  };

describe("the URL service's function, bundled", () => {
  const bundle = bundleOf('producers/url-service/function-entry');
  let fixture: Fixture;
  let handler: (event: unknown) => Promise<any>;

  /** What the function says of one claim check in a recorded event. */
  const redeem = async (event: object, claimCheck: string) => {
    const answer = await handler({ ...event, body: JSON.stringify({ claimChecks: [claimCheck] }) });
    return { status: answer.statusCode, result: JSON.parse(answer.body).results?.[0] };
  };

  beforeAll(async () => {
    fixture = await startFixture({ buckets: ['payloads', 'control'] });
    const { region, endpoint, credentials } = fixture.stack;
    const keys = serialiseProducerKeys([fixture.producerKey]);
    await fixture.s3.send(new PutObjectCommand({ Bucket: 'control', Key: PRODUCER_KEYS_KEY, Body: keys }));
    const rights = { types: [TYPE], prefixes: ['payloads/billing/'] };
    ({ handler } = bundle.load({
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      WAYBILL_LOG_LEVEL: 'silent',
      WAYBILL_STORES: JSON.stringify({ payloads: { bucket: 'payloads', region, endpoint } }),
      WAYBILL_PRODUCER_KEYS: JSON.stringify({ bucket: 'control', region, endpoint, key: PRODUCER_KEYS_KEY }),
      WAYBILL_CALLERS: JSON.stringify([
        { arn: 'arn:aws:iam::111122223333:role/acme-archive', caller: 'archive', ...rights },
        { clientId: 'acme-client', caller: 'acme', ...rights },
      ]),
      WAYBILL_URL_TTL_SECONDS: '60',
    }));
  });
  afterAll(() => fixture.close());

  it('is small, holds no SDK and nothing twice', () => {
    expect(bundle.sizeBytes).toBeLessThan(250_000);
    expect(bundle.packages.map((path) => path.replace(/^node_modules\//, '')).sort()).toEqual([
      'jose',
      'zod',
    ]);
  });

  it.each(['function-url', 'http-api-jwt'])(
    'gives a URL that works, for the recorded event %s',
    async (name) => {
      const { attachment } = await fixture.put('the payload');
      const { status, result } = await redeem(recorded(name), attachment.claimCheck!.reveal());
      expect(status).toBe(200);
      expect(result).toMatchObject({ status: 200, versionId: attachment.versionId, size: 11 });
      const response = await fetch(result.access.url);
      expect(await response.text()).toBe('the payload');
      expect(Date.parse(result.access.expiresAt) - Date.parse(result.access.issuedAt)).toBe(60_000);
      const { searchParams } = new URL(result.access.url);
      expect(searchParams.get('x-waybill-caller')).toBe(name === 'function-url' ? 'archive' : 'acme');
      expect(searchParams.get('versionId')).toBe(attachment.versionId);
    },
  );

  it('refuses a stranger with a good claim check', async () => {
    const { attachment } = await fixture.put('x');
    const event = recorded('function-url');
    event.requestContext.authorizer.iam.userArn = 'arn:aws:sts::111122223333:assumed-role/stranger/s';
    expect(await redeem(event, attachment.claimCheck!.reveal())).toEqual({ status: 403, result: undefined });
    const partner = recorded('http-api-jwt');
    partner.requestContext.authorizer.jwt.claims.client_id = 'other-client';
    expect((await redeem(partner, attachment.claimCheck!.reveal())).status).toBe(403);
  });

  it('says gone of a payload that was revoked, and not found of one that is not there', async () => {
    const { attachment, claims } = await fixture.put('to be revoked');
    await fixture.s3.send(
      new PutObjectTaggingCommand({
        Bucket: 'payloads',
        Key: attachment.key,
        VersionId: attachment.versionId,
        Tagging: { TagSet: [{ Key: REVOKED_TAG, Value: 'leak' }] },
      }),
    );
    const event = recorded('function-url');
    expect((await redeem(event, attachment.claimCheck!.reveal())).result).toMatchObject({
      status: 410,
      error: 'revoked',
    });
    const nowhere = await fixture.signer.sign({ ...claims, key: `${claims.key}-not-there` });
    expect((await redeem(event, nowhere.reveal())).result).toMatchObject({ status: 404 });
    const elsewhere = await fixture.signer.sign({ ...claims, store: 'other' });
    expect((await redeem(event, elsewhere.reveal())).result).toMatchObject({ status: 403 });
  });

  it('says unavailable when S3 fails, after trying again', async () => {
    const { attachment } = await fixture.put('x');
    const match = { service: 's3', operation: 'GetObjectTagging' } as const;
    fixture.stack.faults.add({ match, times: 2, faults: { kind: 'status', status: 503, code: 'SlowDown' } });
    const event = recorded('function-url');
    expect((await redeem(event, attachment.claimCheck!.reveal())).result).toMatchObject({ status: 200 });
    fixture.stack.faults.add({ match, times: 3, faults: { kind: 'status', status: 503, code: 'SlowDown' } });
    expect((await redeem(event, attachment.claimCheck!.reveal())).result).toMatchObject({ status: 503 });
  });
});
