import { describe, expect, it } from 'vitest';
import type { UrlService } from '../../../../producers/url-service/core.ts';
import { urlServiceLambda, type LambdaIdentity } from '../../../../producers/url-service/lambda.ts';

const callers: string[] = [];
const service: UrlService = {
  maxItems: 100,
  serverTime: () => '2026-03-01T10:00:00.000Z',
  redeem: async (claimChecks, caller) => {
    callers.push(caller);
    if (claimChecks[0] === 'boom') throw new Error('secret reason');
    return [];
  },
};
const identities: LambdaIdentity[] = [
  { arn: 'arn:aws:iam::111122223333:role/app/archive', caller: 'archive' },
  { arn: 'arn:aws:iam::111122223333:user/ann', caller: 'ann' },
  { accessKeyId: 'AKPARTNER', caller: 'partner' },
  { clientId: 'acme-client', caller: 'acme' },
];
const handler = urlServiceLambda({ service, identities });

/** A function URL event, payload format 2.0, as Lambda sends it but for what nobody reads. */
const event = (iam: object | undefined, body = '{"claimChecks":["x"]}', isBase64Encoded = false): object => ({
  version: '2.0',
  routeKey: '$default',
  rawPath: '/redeem',
  rawQueryString: '',
  headers: { 'content-type': 'application/json' },
  requestContext: {
    accountId: '111122223333',
    authorizer: iam === undefined ? undefined : { iam },
    http: { method: 'POST', path: '/redeem', protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
    stage: '$default',
  },
  body,
  isBase64Encoded,
});

describe('the Lambda handler', () => {
  it.each([
    [{ userArn: 'arn:aws:sts::111122223333:assumed-role/archive/i-0123', accessKey: 'ASIA1' }, 'archive'],
    [{ userArn: 'arn:aws:iam::111122223333:user/ann', accessKey: 'AKIA2' }, 'ann'],
    [{ userArn: 'arn:aws:sts::999922223333:assumed-role/x/y', accessKey: 'AKPARTNER' }, 'partner'],
  ])('maps the principal %j to its caller', async (iam, caller) => {
    callers.length = 0;
    expect(await handler(event(iam))).toMatchObject({ statusCode: 200, isBase64Encoded: false });
    expect(callers).toEqual([caller]);
  });

  it.each([
    [{ userArn: 'arn:aws:sts::999922223333:assumed-role/archive/i-0123', accessKey: 'ASIA1' }],
    [{ userArn: 'arn:aws:sts::111122223333:assumed-role/archive-admin/i-0123', accessKey: 'ASIA1' }],
    [{ userArn: 'arn:aws-cn:sts::111122223333:assumed-role/archive/i', accessKey: 'ASIA1' }],
    [{}],
    [undefined],
  ])('refuses the unmapped principal %j like a stranger', async (iam) => {
    expect(await handler(event(iam))).toMatchObject({ statusCode: 403, body: '{"Message":"Forbidden"}' });
  });

  const withToken = (claims: object): object => {
    const base = event(undefined) as { requestContext: object };
    return {
      ...base,
      requestContext: { ...base.requestContext, authorizer: { jwt: { claims, scopes: null } } },
    };
  };

  it.each([
    [{ client_id: 'acme-client', sub: 'x' }],
    [{ azp: 'acme-client', sub: 'x' }],
    [{ sub: 'acme-client' }],
  ])('maps the token with %j to its caller', async (claims) => {
    callers.length = 0;
    expect(await handler(withToken(claims))).toMatchObject({ statusCode: 200 });
    expect(callers).toEqual(['acme']);
  });

  it.each([
    [{ client_id: 'other', sub: 'acme-client' }],
    [{ sub: 'AKPARTNER' }],
    [{ client_id: ['acme-client'] }],
    [{}],
  ])('refuses the token with %j', async (claims) => {
    expect(await handler(withToken(claims))).toMatchObject({ statusCode: 403 });
  });

  it('decodes a base64 body', async () => {
    const body = Buffer.from('{"claimChecks":["x"]}').toString('base64');
    expect(await handler(event({ accessKey: 'AKPARTNER' }, body, true))).toMatchObject({ statusCode: 200 });
  });

  it('answers 500 without the reason, and to an event of another kind', async () => {
    const broken = await handler(event({ accessKey: 'AKPARTNER' }, '{"claimChecks":["boom"]}'));
    expect(broken.statusCode).toBe(500);
    expect(broken.body).not.toContain('secret reason');
    expect(await handler({ Records: [] })).toMatchObject({ statusCode: 500 });
  });

  it('fails to be made with an ARN of something else, or one principal twice', () => {
    const make = (list: LambdaIdentity[]) => () => urlServiceLambda({ service, identities: list });
    expect(make([{ arn: 'arn:aws:s3:::bucket', caller: 'x' }])).toThrow(
      'identities.0.arn: got "arn:aws:s3:::bucket", expected the ARN of an IAM role or user',
    );
    expect(make([...identities, { arn: 'arn:aws:iam::111122223333:role/archive', caller: 'x' }])).toThrow(
      /identities\.4\.arn: got one that stands there twice/,
    );
  });
});
