import { describe, expect, it } from 'vitest';
import { evaluate, readPolicy } from '../../../local/policy.ts';
import { payloadBucketPolicy, type PayloadPolicyOptions } from '../../../shared/payload-policy.ts';

const BUCKET = 'arn:aws:s3:::files';
const REVOKER = 'arn:aws:iam::000000000000:role/revoker';
const OPTIONS = { bucketArn: BUCKET, urlMaxAgeSeconds: 900, revokerArns: [REVOKER] };
const anything = readPolicy(
  { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 's3:*', Resource: '*' } },
  'identity',
);

/** What the policy says to somebody whom IAM allows everything: the Sid of the deny, or Allow. */
function judge(
  action: string,
  context: Readonly<Record<string, string>>,
  options: PayloadPolicyOptions = OPTIONS,
  key = 'payloads/p/t/e/a',
): string {
  const { decision, by } = evaluate({
    principal: { type: 'AWS', arn: 'arn:aws:sts::000000000000:assumed-role/somebody/session' },
    action,
    resource: `${BUCKET}/${key}`,
    resourceAccount: '000000000000',
    context: {
      'aws:SecureTransport': 'true',
      's3:TlsVersion': '1.3',
      'aws:ViaAWSService': 'false',
      'aws:PrincipalArn': 'arn:aws:iam::000000000000:role/somebody',
      ...context,
    },
    identityStatements: anything,
    resourceStatements: readPolicy(payloadBucketPolicy(options), 'resource'),
  });
  return by ?? decision;
}

const query = (ageMs: number) => ({ 's3:authType': 'REST-QUERY-STRING', 's3:signatureAge': String(ageMs) });

describe('payloadBucketPolicy', () => {
  it.each([
    ['s3:GetObject', query(900_000), 'Allow'],
    ['s3:GetObject', query(900_001), 'RefuseOldSignatures'],
    ['s3:GetObjectVersion', query(900_001), 'RefuseOldSignatures'],
    ['s3:PutObject', { 's3:authType': 'POST', 's3:signatureAge': '900001' }, 'RefuseOldSignatures'],
    ['s3:GetObjectVersion', { 's3:authType': 'REST-HEADER', 's3:signatureAge': '900001' }, 'Allow'],
    ['s3:GetObject', { 's3:ExistingObjectTag/waybill:revoked': '' }, 'RefuseRevoked'],
    ['s3:GetObjectVersion', { 's3:ExistingObjectTag/waybill:revoked': 'leak' }, 'RefuseRevoked'],
    ['s3:GetObjectVersion', { 's3:ExistingObjectTag/other': 'x' }, 'Allow'],
    ['s3:PutObjectVersionTagging', {}, 'OnlyRevokersTag'],
    ['s3:DeleteObjectVersionTagging', {}, 'OnlyRevokersTag'],
    ['s3:DeleteObjectTagging', { 'aws:PrincipalArn': REVOKER }, 'Allow'],
    ['s3:PutObject', { 's3:ObjectCreationOperation': 'true' }, 'WriteOnce'],
    ['s3:PutObject', { 's3:ObjectCreationOperation': 'true', 's3:if-none-match': '*' }, 'Allow'],
    ['s3:PutObject', { 's3:ObjectCreationOperation': 'false' }, 'Allow'],
    ['s3:GetObject', { 'aws:SecureTransport': 'false' }, 'RefusePlainHttp'],
    ['s3:GetObject', { 's3:TlsVersion': '1.1' }, 'RefuseOldTls'],
  ])('%s with %j: %s', (action, context, said) => {
    expect(judge(action, context)).toBe(said);
  });

  it('leaves overwriting outside the write-once prefixes to the roles', () => {
    const creation = { 's3:ObjectCreationOperation': 'true' };
    expect(judge('s3:PutObject', creation, OPTIONS, 'uploads/u/a')).toBe('Allow');
    const more = { ...OPTIONS, writeOncePrefixes: ['payloads/', 'uploads/'] };
    expect(judge('s3:PutObject', creation, more, 'uploads/u/a')).toBe('WriteOnce');
  });

  it('shuts out every source but those named', () => {
    const both = { ...OPTIONS, sourceVpces: ['vpce-1'], sourceIps: ['203.0.113.0/24'] };
    expect(judge('s3:GetObjectVersion', { 'aws:SourceIp': '203.0.113.7' }, both)).toBe('Allow');
    expect(judge('s3:GetObjectVersion', { 'aws:SourceVpce': 'vpce-1' }, both)).toBe('Allow');
    expect(judge('s3:GetObjectVersion', { 'aws:SourceIp': '198.51.100.7' }, both)).toBe('OnlyFromSources');
    expect(judge('s3:GetObject', { 'aws:SourceVpce': 'vpce-2' }, both)).toBe('OnlyFromSources');
    expect(judge('s3:PutObject', { 'aws:SourceVpce': 'vpce-2', 's3:if-none-match': '*' }, both)).toBe(
      'OnlyFromSources',
    );
    const forCaller = { 'aws:SourceIp': '198.51.100.7', 'aws:ViaAWSService': 'true' };
    expect(judge('s3:GetObject', forCaller, both)).toBe('Allow');
    expect(
      judge('s3:GetObject', { 'aws:SourceVpce': 'vpce-2' }, { ...OPTIONS, sourceVpces: ['vpce-1'] }),
    ).toBe('OnlyFromSources');
  });
});
