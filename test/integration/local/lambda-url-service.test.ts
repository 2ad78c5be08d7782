import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { urlServiceClient } from '../../../consumers/index.ts';
import { urlServiceLambda } from '../../../producers/url-service/lambda.ts';
import {
  CALLER,
  CALLER_KEYS,
  STRANGER_KEYS,
  startFixture,
  type Fixture,
} from '../producers/url-service/fixture.ts';

describe('the URL service as the function that is deployed', () => {
  let fixture: Fixture;
  let endpoint: string;

  beforeAll(async () => {
    const owner = { accessKeyId: 'OWNER', secretAccessKey: 'owner' };
    fixture = await startFixture({
      identities: [owner, { ...CALLER_KEYS, name: CALLER }, { ...STRANGER_KEYS, name: 'stranger' }],
    });
    const handler = urlServiceLambda({
      service: fixture.service(),
      identities: [{ arn: `arn:aws:iam::000000000000:user/${CALLER}`, caller: CALLER }],
    });
    endpoint = (await fixture.stack.functionUrl(handler, { auth: 'AWS_IAM' })).url;
  });
  afterAll(async () => {
    await fixture.close();
  });

  it('gives a fresh URL to the consumer that signs, by its own client', async () => {
    const { attachment } = await fixture.put('the payload');
    const { region } = fixture.stack;
    const client = urlServiceClient({ endpoint, region, credentials: CALLER_KEYS });
    const { access, size } = await client.refetch(attachment, {});
    expect(size).toBe(11);
    expect(await (await fetch(access.url.reveal())).text()).toBe('the payload');
  });

  it('refuses an identity that is not mapped, and one that is unknown', async () => {
    const { attachment } = await fixture.put('secret');
    const { region } = fixture.stack;
    for (const credentials of [STRANGER_KEYS, { accessKeyId: 'NOBODY', secretAccessKey: 'x' }]) {
      const client = urlServiceClient({ endpoint, region, credentials, retry: { maxAttempts: 1 } });
      await expect(client.refetch(attachment, {})).rejects.toMatchObject({ code: 'url-service' });
    }
  });
});
