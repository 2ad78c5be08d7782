import { describe, expect, it } from 'vitest';
import type { PolicyDecision } from '../../../local/policy.ts';
import { MalformedPolicyError, readPolicy } from '../../../local/policy.ts';
import { ACCOUNT, ANN, ours, policy, theirs } from './policy-oracle.ts';
import type { PolicyCase } from './policy-oracle.ts';

type Row = readonly [string, PolicyDecision['decision'], PolicyCase];

const INBOX = 'arn:aws:s3:::inbox/*';
const allow = (more: object = {}): object => ({
  Effect: 'Allow',
  Action: 's3:GetObject',
  Resource: INBOX,
  ...more,
});
const deny = (more: object = {}): object => ({ ...allow(more), Effect: 'Deny' });
/** An identity that may get, but only under this condition. */
const when = (Condition: object, context: PolicyCase['context'] = {}): PolicyCase => ({
  identity: [policy(allow({ Condition }))],
  context,
});
const without = (object: object, field: string): object =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== field));
const BOB = { type: 'AWS', arn: 'arn:aws:iam::111122223333:user/bob' } as const;
const SESSION = { type: 'AWS', arn: `arn:aws:sts::${ACCOUNT}:assumed-role/reader/s1` } as const;
const ANYBODY = { type: 'Anonymous' } as const;
const may = [policy(allow())];
const to = (...AWS: string[]): object => ({ Principal: { AWS } });
const age = (ms: number): PolicyCase['context'] => ({
  's3:signatureAge': String(ms),
  's3:authType': 'REST-QUERY-STRING',
});
const agePolicy = policy(
  deny({
    Principal: '*',
    Condition: {
      NumericGreaterThan: { 's3:signatureAge': '900000' },
      StringEquals: { 's3:authType': 'REST-QUERY-STRING' },
    },
  }),
);
const put = (context: PolicyCase['context']): PolicyCase => ({
  action: 's3:PutObject',
  context,
  identity: [policy(allow({ Action: 's3:PutObject' }))],
  bucket: policy(
    deny({
      Principal: '*',
      Action: 's3:PutObject',
      Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
    }),
  ),
});
const revoked = policy(
  deny({
    Principal: '*',
    Action: ['s3:GetObject', 's3:GetObjectVersion'],
    Condition: { StringEquals: { 's3:ExistingObjectTag/waybill-revoked': 'true' } },
  }),
);

const rows: readonly Row[] = [
  // Who allows
  ['nobody allows', 'ImplicitDeny', {}],
  ['an identity policy allows', 'Allow', { identity: may }],
  ['a bucket policy allows the user', 'Allow', { bucket: policy(allow(to(ANN))) }],
  ['a bucket policy allows everybody', 'Allow', { bucket: policy(allow({ Principal: '*' })) }],
  ['a bucket policy allows every AWS principal', 'Allow', { bucket: policy(allow(to('*'))) }],
  [
    'a bucket policy allows the account, which does not allow the user',
    'ImplicitDeny',
    { bucket: policy(allow(to(ACCOUNT))) },
  ],
  [
    'a bucket policy allows the account root, and the identity allows',
    'Allow',
    { identity: may, bucket: policy(allow(to(`arn:aws:iam::${ACCOUNT}:root`))) },
  ],
  [
    'a bucket policy allows somebody else',
    'ImplicitDeny',
    { bucket: policy(allow(to(`arn:aws:iam::${ACCOUNT}:user/zoe`))) },
  ],
  [
    'a deny in the identity wins over an allow in the bucket',
    'ExplicitDeny',
    { identity: [policy(deny())], bucket: policy(allow({ Principal: '*' })) },
  ],
  [
    'a deny in the bucket wins over an allow in the identity',
    'ExplicitDeny',
    { identity: may, bucket: policy(deny({ Principal: '*' })) },
  ],
  [
    'a deny for the account covers its users',
    'ExplicitDeny',
    { identity: may, bucket: policy(deny(to(`arn:aws:iam::${ACCOUNT}:root`))) },
  ],
  [
    'a deny for another account does not',
    'Allow',
    { identity: may, bucket: policy(deny(to('111122223333'))) },
  ],
  [
    'a deny for all but this user spares it',
    'Allow',
    { identity: may, bucket: policy(deny({ NotPrincipal: { AWS: [ANN, `arn:aws:iam::${ACCOUNT}:root`] } })) },
  ],
  [
    'a deny for all but another user hits',
    'ExplicitDeny',
    { identity: may, bucket: policy(deny({ NotPrincipal: { AWS: `arn:aws:iam::${ACCOUNT}:user/zoe` } })) },
  ],
  [
    'two policies of an identity, one allows',
    'Allow',
    { identity: [policy(allow({ Action: 's3:PutObject' })), ...may] },
  ],
  ['two policies of an identity, one denies', 'ExplicitDeny', { identity: [...may, policy(deny())] }],
  // Other accounts, sessions, nobody
  ['cross-account: identity alone', 'ImplicitDeny', { principal: BOB, identity: may }],
  ['cross-account: bucket alone', 'ImplicitDeny', { principal: BOB, bucket: policy(allow(to(BOB.arn))) }],
  ['cross-account: both', 'Allow', { principal: BOB, identity: may, bucket: policy(allow(to(BOB.arn))) }],
  [
    'cross-account: both, by account',
    'Allow',
    { principal: BOB, identity: may, bucket: policy(allow(to('111122223333'))) },
  ],
  [
    'cross-account: both, by everybody',
    'Allow',
    { principal: BOB, identity: may, bucket: policy(allow({ Principal: '*' })) },
  ],
  [
    'a session is its role',
    'Allow',
    { principal: SESSION, bucket: policy(allow(to(`arn:aws:iam::${ACCOUNT}:role/reader`))) },
  ],
  ['a session by its own ARN', 'Allow', { principal: SESSION, bucket: policy(allow(to(SESSION.arn))) }],
  [
    'a session of another role',
    'ImplicitDeny',
    { principal: SESSION, bucket: policy(allow(to(`arn:aws:iam::${ACCOUNT}:role/writer`))) },
  ],
  [
    'anonymous, and the bucket is public',
    'Allow',
    { principal: ANYBODY, bucket: policy(allow({ Principal: '*' })) },
  ],
  [
    'anonymous, and the bucket is for AWS principals *',
    'Allow',
    { principal: ANYBODY, bucket: policy(allow(to('*'))) },
  ],
  [
    'anonymous, and the bucket is for one',
    'ImplicitDeny',
    { principal: ANYBODY, bucket: policy(allow(to(ANN))) },
  ],
  ['anonymous, without a policy', 'ImplicitDeny', { principal: ANYBODY }],
  // Actions
  ['another action', 'ImplicitDeny', { identity: may, action: 's3:PutObject' }],
  ['an action in another case', 'Allow', { identity: [policy(allow({ Action: 'S3:getobject' }))] }],
  ['an action by *', 'Allow', { identity: [policy(allow({ Action: '*' }))] }],
  ['an action by s3:*', 'Allow', { identity: [policy(allow({ Action: 's3:*' }))] }],
  ['an action by s3:Get*', 'Allow', { identity: [policy(allow({ Action: 's3:Get*' }))] }],
  ['an action by ?', 'Allow', { identity: [policy(allow({ Action: 's3:?etObject' }))] }],
  [
    's3:GetObject does not cover GetObjectVersion',
    'ImplicitDeny',
    { identity: may, action: 's3:GetObjectVersion' },
  ],
  ['an action of another service', 'ImplicitDeny', { identity: [policy(allow({ Action: 'sqs:*' }))] }],
  [
    'one of several actions',
    'Allow',
    { identity: [policy(allow({ Action: ['s3:PutObject', 's3:GetObject'] }))] },
  ],
  [
    'NotAction names another',
    'Allow',
    { identity: [policy(without(allow({ NotAction: 's3:PutObject' }), 'Action'))] },
  ],
  [
    'NotAction names this',
    'ImplicitDeny',
    { identity: [policy(without(allow({ NotAction: 's3:Get*' }), 'Action'))] },
  ],
  // Resources
  ['resource *', 'Allow', { identity: [policy(allow({ Resource: '*' }))] }],
  ['another bucket', 'ImplicitDeny', { identity: [policy(allow({ Resource: 'arn:aws:s3:::outbox/*' }))] }],
  [
    'resources differ by case',
    'ImplicitDeny',
    { identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/A/*' }))] },
  ],
  [
    'a wildcard crosses slashes',
    'Allow',
    { identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/*.txt' }))] },
  ],
  [
    'a ? is one character',
    'Allow',
    { identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/a/?.txt' }))] },
  ],
  [
    'a ? is not none',
    'ImplicitDeny',
    { identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/a/b?.txt' }))] },
  ],
  [
    'a dot is a dot',
    'ImplicitDeny',
    { identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/a/b.tx.' }))] },
  ],
  [
    'the bucket is not its objects',
    'ImplicitDeny',
    { identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox' }))] },
  ],
  [
    'NotResource names another',
    'Allow',
    { identity: [policy(without(allow({ NotResource: 'arn:aws:s3:::outbox/*' }), 'Resource'))] },
  ],
  [
    'NotResource names this',
    'ImplicitDeny',
    { identity: [policy(without(allow({ NotResource: INBOX }), 'Resource'))] },
  ],
  [
    'keys with regular expression signs',
    'Allow',
    {
      resource: 'arn:aws:s3:::inbox/(a)+[b]|^$',
      identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/(a)+[b]|^$' }))],
    },
  ],
  // Variables
  [
    'a variable in the resource',
    'Allow',
    {
      identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/${aws:PrincipalTag/team}/*' }))],
      context: { 'aws:PrincipalTag/team': 'a' },
    },
  ],
  [
    'a variable with another value',
    'ImplicitDeny',
    {
      identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/${aws:PrincipalTag/team}/*' }))],
      context: { 'aws:PrincipalTag/team': 'z' },
    },
  ],
  [
    'a variable without a value',
    'ImplicitDeny',
    { identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/${aws:PrincipalTag/team}/*' }))] },
  ],
  [
    'a variable with a default',
    'Allow',
    { identity: [policy(allow({ Resource: "arn:aws:s3:::inbox/${aws:PrincipalTag/team, 'a'}/*" }))] },
  ],
  [
    'a star in a variable is no wildcard',
    'ImplicitDeny',
    {
      identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/${aws:PrincipalTag/team}/*' }))],
      context: { 'aws:PrincipalTag/team': '*' },
    },
  ],
  ['${*} is a star', 'ImplicitDeny', { identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/${*}' }))] }],
  [
    '${*} meets a star',
    'Allow',
    { resource: 'arn:aws:s3:::inbox/?', identity: [policy(allow({ Resource: 'arn:aws:s3:::inbox/${?}' }))] },
  ],
  [
    'a variable in a condition',
    'Allow',
    when(
      { StringEquals: { 's3:ExistingObjectTag/team': '${aws:PrincipalTag/team}' } },
      { 's3:ExistingObjectTag/team': 'x', 'aws:PrincipalTag/team': 'x' },
    ),
  ],
  // String conditions
  [
    'StringEquals fits',
    'Allow',
    when({ StringEquals: { 's3:authType': 'POST' } }, { 's3:authType': 'POST' }),
  ],
  [
    'StringEquals heeds case',
    'ImplicitDeny',
    when({ StringEquals: { 's3:authType': 'post' } }, { 's3:authType': 'POST' }),
  ],
  [
    'StringEquals knows no wildcard',
    'ImplicitDeny',
    when({ StringEquals: { 's3:authType': 'P*' } }, { 's3:authType': 'POST' }),
  ],
  ['StringEquals without the key', 'ImplicitDeny', when({ StringEquals: { 's3:authType': 'POST' } })],
  [
    'StringEquals one of several',
    'Allow',
    when({ StringEquals: { 's3:authType': ['X', 'POST'] } }, { 's3:authType': 'POST' }),
  ],
  [
    'StringNotEquals another',
    'Allow',
    when({ StringNotEquals: { 's3:authType': 'POST' } }, { 's3:authType': 'REST-HEADER' }),
  ],
  [
    'StringNotEquals none of several',
    'ImplicitDeny',
    when({ StringNotEquals: { 's3:authType': ['X', 'POST'] } }, { 's3:authType': 'POST' }),
  ],
  ['StringNotEquals without the key', 'Allow', when({ StringNotEquals: { 's3:authType': 'POST' } })],
  [
    'StringEqualsIgnoreCase',
    'Allow',
    when({ StringEqualsIgnoreCase: { 's3:authType': 'post' } }, { 's3:authType': 'POST' }),
  ],
  [
    'StringNotEqualsIgnoreCase',
    'ImplicitDeny',
    when({ StringNotEqualsIgnoreCase: { 's3:authType': 'post' } }, { 's3:authType': 'POST' }),
  ],
  [
    'StringLike',
    'Allow',
    when({ StringLike: { 's3:authType': 'REST-*' } }, { 's3:authType': 'REST-HEADER' }),
  ],
  [
    'StringLike is whole',
    'ImplicitDeny',
    when({ StringLike: { 's3:authType': 'EST-*' } }, { 's3:authType': 'REST-HEADER' }),
  ],
  [
    'StringNotLike',
    'ImplicitDeny',
    when({ StringNotLike: { 's3:authType': 'REST-*' } }, { 's3:authType': 'REST-HEADER' }),
  ],
  [
    'StringEqualsIfExists without the key',
    'Allow',
    when({ StringEqualsIfExists: { 's3:authType': 'POST' } }),
  ],
  [
    'StringEqualsIfExists with another value',
    'ImplicitDeny',
    when({ StringEqualsIfExists: { 's3:authType': 'POST' } }, { 's3:authType': 'X' }),
  ],
  [
    'keys and operators in another case',
    'Allow',
    when({ stringequals: { 'S3:AUTHTYPE': 'POST' } }, { 's3:authType': 'POST' }),
  ],
  [
    'two operators must both hold',
    'ImplicitDeny',
    when(
      { StringEquals: { 's3:authType': 'POST' }, Bool: { 'aws:SecureTransport': 'true' } },
      { 's3:authType': 'POST', 'aws:SecureTransport': 'false' },
    ),
  ],
  [
    'two keys must both hold',
    'ImplicitDeny',
    when(
      { StringEquals: { 's3:authType': 'POST', 's3:signatureversion': 'AWS' } },
      { 's3:authType': 'POST', 's3:signatureversion': 'AWS4-HMAC-SHA256' },
    ),
  ],
  // Numbers, dates, addresses and the rest
  [
    'NumericLessThan',
    'Allow',
    when({ NumericLessThan: { 's3:signatureAge': 10 } }, { 's3:signatureAge': '9.5' }),
  ],
  [
    'NumericLessThan at the bound',
    'ImplicitDeny',
    when({ NumericLessThan: { 's3:signatureAge': '10' } }, { 's3:signatureAge': '10' }),
  ],
  [
    'NumericLessThanEquals at the bound',
    'Allow',
    when({ NumericLessThanEquals: { 's3:signatureAge': '10' } }, { 's3:signatureAge': '10' }),
  ],
  [
    'NumericGreaterThan',
    'Allow',
    when({ NumericGreaterThan: { 's3:signatureAge': '10' } }, { 's3:signatureAge': '11' }),
  ],
  [
    'NumericGreaterThanEquals at the bound',
    'Allow',
    when({ NumericGreaterThanEquals: { 's3:signatureAge': '10' } }, { 's3:signatureAge': '10' }),
  ],
  [
    'NumericEquals compares numbers, not texts',
    'Allow',
    when({ NumericEquals: { 's3:signatureAge': '10.0' } }, { 's3:signatureAge': '10' }),
  ],
  [
    'NumericNotEquals',
    'ImplicitDeny',
    when({ NumericNotEquals: { 's3:signatureAge': '10' } }, { 's3:signatureAge': '10' }),
  ],
  [
    'NumericGreaterThan without the key',
    'ImplicitDeny',
    when({ NumericGreaterThan: { 's3:signatureAge': '10' } }),
  ],
  [
    'DateLessThan',
    'Allow',
    when(
      { DateLessThan: { 'aws:CurrentTime': '2026-11-23T00:00:00Z' } },
      { 'aws:CurrentTime': '2026-11-22T23:59:59Z' },
    ),
  ],
  [
    'DateGreaterThan',
    'ImplicitDeny',
    when(
      { DateGreaterThan: { 'aws:CurrentTime': '2026-11-23T00:00:00Z' } },
      { 'aws:CurrentTime': '2026-11-22T23:59:59Z' },
    ),
  ],
  [
    'DateEquals',
    'Allow',
    when(
      { DateEquals: { 'aws:CurrentTime': '2026-11-23T00:00:00Z' } },
      { 'aws:CurrentTime': '2026-11-23T00:00:00Z' },
    ),
  ],
  [
    'Bool false',
    'Allow',
    when({ Bool: { 'aws:SecureTransport': false } }, { 'aws:SecureTransport': 'false' }),
  ],
  [
    'Bool true',
    'ImplicitDeny',
    when({ Bool: { 'aws:SecureTransport': 'true' } }, { 'aws:SecureTransport': 'false' }),
  ],
  ['Null: absent', 'Allow', when({ Null: { 'aws:PrincipalTag/x': 'true' } })],
  [
    'Null: present',
    'ImplicitDeny',
    when({ Null: { 'aws:PrincipalTag/x': 'true' } }, { 'aws:PrincipalTag/x': '1' }),
  ],
  [
    'Null false: present',
    'Allow',
    when({ Null: { 'aws:PrincipalTag/x': 'false' } }, { 'aws:PrincipalTag/x': '1' }),
  ],
  ['ArnEquals', 'Allow', when({ ArnEquals: { 'aws:PrincipalArn': ANN } }, { 'aws:PrincipalArn': ANN })],
  [
    'ArnLike',
    'Allow',
    when({ ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:user/*' } }, { 'aws:PrincipalArn': ANN }),
  ],
  [
    'ArnLike does not cross colons',
    'ImplicitDeny',
    when({ ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam:*:user/ann' } }, { 'aws:PrincipalArn': ANN }),
  ],
  [
    'ArnNotLike',
    'ImplicitDeny',
    when({ ArnNotLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:user/*' } }, { 'aws:PrincipalArn': ANN }),
  ],
  [
    'ArnNotEquals',
    'Allow',
    when(
      { ArnNotEquals: { 'aws:PrincipalArn': `arn:aws:iam::${ACCOUNT}:user/zoe` } },
      { 'aws:PrincipalArn': ANN },
    ),
  ],
  [
    'IpAddress in the block',
    'Allow',
    when({ IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } }, { 'aws:SourceIp': '127.0.0.1' }),
  ],
  [
    'IpAddress out of the block',
    'ImplicitDeny',
    when({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, { 'aws:SourceIp': '127.0.0.1' }),
  ],
  [
    'IpAddress, one address',
    'Allow',
    when({ IpAddress: { 'aws:SourceIp': '127.0.0.1' } }, { 'aws:SourceIp': '127.0.0.1' }),
  ],
  [
    'IpAddress, version 6',
    'Allow',
    when({ IpAddress: { 'aws:SourceIp': '2001:db8::/32' } }, { 'aws:SourceIp': '2001:db8:1::1' }),
  ],
  [
    'NotIpAddress',
    'ImplicitDeny',
    when({ NotIpAddress: { 'aws:SourceIp': '127.0.0.0/8' } }, { 'aws:SourceIp': '127.0.0.1' }),
  ],
  [
    'ForAnyValue: one fits',
    'Allow',
    {
      ...when(
        { 'ForAnyValue:StringEquals': { 's3:RequestObjectTagKeys': ['a', 'b'] } },
        { 's3:RequestObjectTagKeys': ['b', 'c'] },
      ),
      action: 's3:PutObject',
      identity: [
        policy(
          allow({
            Action: 's3:PutObject',
            Condition: { 'ForAnyValue:StringEquals': { 's3:RequestObjectTagKeys': ['a', 'b'] } },
          }),
        ),
      ],
    },
  ],
  [
    'ForAllValues: one does not fit',
    'ImplicitDeny',
    {
      action: 's3:PutObject',
      context: { 's3:RequestObjectTagKeys': ['b', 'c'] },
      identity: [
        policy(
          allow({
            Action: 's3:PutObject',
            Condition: { 'ForAllValues:StringEquals': { 's3:RequestObjectTagKeys': ['a', 'b'] } },
          }),
        ),
      ],
    },
  ],
  [
    'ForAllValues: all fit',
    'Allow',
    {
      action: 's3:PutObject',
      context: { 's3:RequestObjectTagKeys': ['b', 'a'] },
      identity: [
        policy(
          allow({
            Action: 's3:PutObject',
            Condition: { 'ForAllValues:StringEquals': { 's3:RequestObjectTagKeys': ['a', 'b'] } },
          }),
        ),
      ],
    },
  ],
  [
    'ForAllValues without the key',
    'Allow',
    {
      action: 's3:PutObject',
      identity: [
        policy(
          allow({
            Action: 's3:PutObject',
            Condition: { 'ForAllValues:StringEquals': { 's3:RequestObjectTagKeys': ['a'] } },
          }),
        ),
      ],
    },
  ],
  [
    'ForAnyValue without the key',
    'ImplicitDeny',
    {
      action: 's3:PutObject',
      identity: [
        policy(
          allow({
            Action: 's3:PutObject',
            Condition: { 'ForAnyValue:StringEquals': { 's3:RequestObjectTagKeys': ['a'] } },
          }),
        ),
      ],
    },
  ],
  // What this project's buckets say
  ['a URL of 15 minutes', 'Allow', { identity: may, bucket: agePolicy, context: age(900_000) }],
  [
    'a URL older than 15 minutes',
    'ExplicitDeny',
    { identity: may, bucket: agePolicy, context: age(900_001) },
  ],
  [
    'an old header signature',
    'Allow',
    { identity: may, bucket: agePolicy, context: { ...age(900_001), 's3:authType': 'REST-HEADER' } },
  ],
  ['a write without If-None-Match', 'ExplicitDeny', put({ 's3:ObjectCreationOperation': 'true' })],
  [
    'a write with If-None-Match',
    'Allow',
    put({ 's3:ObjectCreationOperation': 'true', 's3:if-none-match': '*' }),
  ],
  ['a part without If-None-Match', 'Allow', put({ 's3:ObjectCreationOperation': 'false' })],
  [
    'a revoked payload',
    'ExplicitDeny',
    { identity: may, bucket: revoked, context: { 's3:ExistingObjectTag/waybill-revoked': 'true' } },
  ],
  [
    'a payload with other tags',
    'Allow',
    { identity: may, bucket: revoked, context: { 's3:ExistingObjectTag/team': 'true' } },
  ],
  [
    'a producer that says another source',
    'ImplicitDeny',
    {
      action: 'events:PutEvents',
      resource: `arn:aws:events:us-east-1:${ACCOUNT}:event-bus/default`,
      context: { 'events:source': 'bank', 'events:detail-type': 'x' },
      identity: [
        policy({
          Effect: 'Allow',
          Action: 'events:PutEvents',
          Resource: '*',
          Condition: { StringEquals: { 'events:source': 'shop' } },
        }),
      ],
    },
  ],
  [
    'a consumer of one queue',
    'Allow',
    {
      action: 'sqs:ReceiveMessage',
      resource: `arn:aws:sqs:us-east-1:${ACCOUNT}:orders`,
      identity: [
        policy({ Effect: 'Allow', Action: 'sqs:Receive*', Resource: `arn:aws:sqs:*:${ACCOUNT}:orders` }),
      ],
    },
  ],
];

describe('evaluate', () => {
  it.each(rows)('%s: %s, as another implementation finds too', async (_title, expected, given) => {
    expect(ours(given).decision).toBe(expected);
    expect(await theirs(given)).toBe(expected);
  });

  it('names the statement and the side that decided', () => {
    const bucket = policy(deny({ Sid: 'TooOld', Principal: '*' }));
    expect(ours({ identity: may, bucket })).toEqual({
      decision: 'ExplicitDeny',
      by: 'TooOld',
      policy: 'resource-based',
    });
    expect(ours({})).toEqual({ decision: 'ImplicitDeny', policy: 'identity-based' });
    expect(ours({ principal: BOB, identity: may })).toEqual({
      decision: 'ImplicitDeny',
      policy: 'resource-based',
    });
  });

  // AWS: a variable without a value equals nothing, so a negated operator holds.
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-no-value
  it('takes a variable without a value for one that nothing equals', () => {
    const condition = { StringNotEquals: { 's3:authType': '${aws:PrincipalTag/none}' } };
    expect(ours(when(condition, { 's3:authType': 'POST' })).decision).toBe('Allow');
  });

  it('reads ${…} literally in policies of the older version', () => {
    const identity = [
      { Version: '2008-10-17', Statement: allow({ Resource: 'arn:aws:s3:::inbox/${aws:username}' }) },
    ];
    const context = { 'aws:username': 'ann' };
    expect(ours({ identity, context, resource: 'arn:aws:s3:::inbox/ann' }).decision).toBe('ImplicitDeny');
    expect(ours({ identity, context, resource: 'arn:aws:s3:::inbox/${aws:username}' }).decision).toBe(
      'Allow',
    );
  });

  it('knows service principals, BinaryEquals, epoch dates and IPv4 written as IPv6', () => {
    const bucket = policy(allow({ Principal: { Service: 'events.amazonaws.com' } }));
    expect(ours({ bucket, principal: { type: 'Service', service: 'events.amazonaws.com' } }).decision).toBe(
      'Allow',
    );
    expect(ours({ bucket, principal: { type: 'Service', service: 'sns.amazonaws.com' } }).decision).toBe(
      'ImplicitDeny',
    );
    expect(ours(when({ BinaryEquals: { k: 'QUI=' } }, { k: 'QUI=' })).decision).toBe('Allow');
    expect(
      ours(when({ DateLessThan: { 'aws:EpochTime': '1795392000' } }, { 'aws:EpochTime': '1795391999' }))
        .decision,
    ).toBe('Allow');
    expect(
      ours(when({ IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } }, { 'aws:SourceIp': '::ffff:127.0.0.1' }))
        .decision,
    ).toBe('Allow');
  });
});

describe('readPolicy', () => {
  it.each([
    ['no object', 'text', 'Policies must be a JSON object'],
    ['another version', { Version: '2020-01-01', Statement: allow() }, 'valid version string'],
    ['no statement', { Version: '2012-10-17' }, 'Missing required field Statement'],
    ['no effect', policy({ Action: 's3:*', Resource: '*' }), 'Invalid effect: undefined'],
    ['an unknown field', policy(allow({ Conditions: {} })), 'Unknown field Conditions'],
    ['an unknown field of the policy', { ...policy(allow()), Name: 'x' }, 'Unknown field Name'],
    ['both Action and NotAction', policy(allow({ NotAction: 's3:*' })), 'Missing required field Action'],
    ['no resource', policy(without(allow(), 'Resource')), 'Missing required field Resource'],
    [
      'an action without a service',
      policy(allow({ Action: 'GetObject' })),
      'Policy has invalid action: "GetObject"',
    ],
    [
      'a resource that is no ARN',
      policy(allow({ Resource: 'inbox/*' })),
      'Policy has invalid resource: "inbox/*"',
    ],
    [
      'an unknown operator',
      policy(allow({ Condition: { StringMatches: { a: 'b' } } })),
      'Invalid Condition type : StringMatches',
    ],
    [
      'a number that is none',
      policy(allow({ Condition: { NumericEquals: { a: 'b' } } })),
      'Invalid value for Condition NumericEquals: "b"',
    ],
    [
      'an address that is none',
      policy(allow({ Condition: { IpAddress: { a: '1.2.3.4/99' } } })),
      'Invalid value for Condition IpAddress',
    ],
    [
      'a date that is none',
      policy(allow({ Condition: { DateEquals: { a: 'today' } } })),
      'Invalid value for Condition DateEquals',
    ],
    [
      'a value that is an object',
      policy(allow({ Condition: { StringEquals: { a: {} } } })),
      'Invalid value for Condition StringEquals',
    ],
    ['the same Sid twice', policy(allow({ Sid: 'a' }), deny({ Sid: 'a' })), 'must be unique'],
    ['a principal', policy(allow({ Principal: '*' })), 'should not specify a principal'],
  ])('refuses an identity policy with %s', (_title, document, message) => {
    expect(() => readPolicy(document, 'identity')).toThrow(MalformedPolicyError);
    expect(() => readPolicy(document, 'identity')).toThrow(message);
  });

  it.each([
    ['no principal', allow(), 'Missing required field Principal'],
    ['an unknown principal', allow({ Principal: 'ann' }), 'Invalid principal in policy: "ann"'],
    ['a principal that is no ARN', allow(to('ann')), 'Invalid principal in policy: "ann"'],
    ['a wildcard within an ARN', allow(to(`arn:aws:iam::${ACCOUNT}:user/*`)), 'Invalid principal in policy'],
    ['a federated principal', allow({ Principal: { Federated: 'x' } }), 'not Federated'],
    ['Allow with NotPrincipal', allow({ NotPrincipal: '*' }), 'Allow with NotPrincipal'],
  ])('refuses a bucket policy with %s', (_title, statement, message) => {
    expect(() => readPolicy(policy(statement), 'resource')).toThrow(message);
  });
});
