import { describe, expect, it } from 'vitest';
import { evaluate, readPolicy, type ContextValues, type PolicyPrincipal } from '../../local/policy.ts';
import { deploy, type Deployed } from '../helpers/cloudformation.ts';
import { synth } from './synth.ts';

const ACCOUNT = '123456789012';
const PLACE = { account: ACCOUNT, region: 'eu-central-1' };

/** Where each of the table's names stands in the template. */
const ROLES = {
  producer: 'Producerscanner',
  otherProducer: 'Producerbilling',
  consumer: 'Consumerarchive',
  otherConsumer: 'Consumerledger',
  urlService: 'UrlService',
  replayer: 'ReplayRole',
  revoker: 'RevokerRole',
} as const;

type Who = keyof typeof ROLES | 'stranger' | 'admin' | 'otherAccount' | 'anonymous' | 'eventbridge';

const ALLOW_ALL = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
};

/** A world of one deployed template, in which requests can be judged. */
function judgeOf(deployed: Deployed) {
  const bucket = (prefix: string) => deployed.arn(deployed.only('AWS::S3::Bucket', prefix));
  const places = {
    payloads: bucket('PayloadsBucket'),
    control: bucket('ControlBucket'),
    logs: bucket('AccessLogsBucket'),
    bus: deployed.arn(deployed.only('AWS::Events::EventBus', 'Bus')),
    queue: deployed.arn(deployed.only('AWS::SQS::Queue', 'QueuearchiveQueue')),
    dlq: deployed.arn(deployed.only('AWS::SQS::Queue', 'QueuearchiveDeadLetters')),
    undelivered: deployed.arn(deployed.only('AWS::SQS::Queue', 'QueuearchiveUndelivered')),
    rule: deployed.arn(deployed.only('AWS::Events::Rule', 'Queuearchive')),
    otherRule: deployed.arn(deployed.only('AWS::Events::Rule', 'Queueledger')),
    function: deployed.arn(deployed.only('AWS::Lambda::Function', 'UrlService')),
    key: deployed.arn(deployed.only('AWS::SecretsManager::Secret', 'SigningKeyscanner')),
  };

  /** Statements of the policies of whatever holds this resource. */
  const resourceStatements = (resource: string) => {
    const documents = [
      ...deployed
        .ofType('AWS::S3::BucketPolicy')
        .filter(
          ([, { Bucket }]) =>
            resource === `arn:aws:s3:::${Bucket}` || resource.startsWith(`arn:aws:s3:::${Bucket}/`),
        )
        .map(([, { PolicyDocument }]) => PolicyDocument),
      ...deployed
        .ofType('AWS::SQS::QueuePolicy')
        .filter(([, { Queues }]) =>
          (Queues as string[]).some((url) => resource.endsWith(`:${url.split('/').at(-1)}`)),
        )
        .map(([, { PolicyDocument }]) => PolicyDocument),
      ...deployed
        .ofType('AWS::Events::EventBusPolicy')
        .filter(([, { EventBusName }]) => resource === places.bus && resource.endsWith(`/${EventBusName}`))
        .map(([, { Statement }]) => ({ Version: '2012-10-17', Statement: [Statement] })),
    ];
    return documents.flatMap((document) => readPolicy(document, 'resource'));
  };

  const identityOf = (who: Who): { principal: PolicyPrincipal; policies: readonly object[]; arn: string } => {
    if (who === 'anonymous') return { principal: { type: 'Anonymous' }, policies: [], arn: '' };
    if (who === 'eventbridge')
      return { principal: { type: 'Service', service: 'events.amazonaws.com' }, policies: [], arn: '' };
    if (who in ROLES) {
      const { name, arn, policies } = deployed.role(
        deployed.only('AWS::IAM::Role', ROLES[who as keyof typeof ROLES]),
      );
      return {
        principal: { type: 'AWS', arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${name}/session` },
        policies,
        arn,
      };
    }
    const account = who === 'otherAccount' ? '999999999999' : ACCOUNT;
    return {
      principal: { type: 'AWS', arn: `arn:aws:sts::${account}:assumed-role/${who}/session` },
      policies: who === 'stranger' ? [] : [ALLOW_ALL],
      arn: `arn:aws:iam::${account}:role/${who}`,
    };
  };

  /** `Allow`, or what refused: the statement's Sid, or nobody's allowance. */
  const judge = (who: Who, action: string, resource: string, context: ContextValues): string => {
    const { principal, policies, arn } = identityOf(who);
    const { decision, by } = evaluate({
      principal,
      action,
      resource,
      resourceAccount: ACCOUNT,
      identityStatements: policies.flatMap((policy) => readPolicy(policy, 'identity')),
      resourceStatements: resourceStatements(resource),
      context: {
        'aws:SecureTransport': 'true',
        'aws:ViaAWSService': 'false',
        ...(arn === '' ? {} : { 'aws:PrincipalArn': arn }),
        ...(action.startsWith('s3:')
          ? { 's3:TlsVersion': '1.3', 's3:authType': 'REST-HEADER', 's3:signatureAge': '1000' }
          : {}),
        ...context,
      },
    });
    if (decision === 'Allow') return 'Allow';
    return decision === 'ImplicitDeny' ? 'nobody allows' : (by ?? 'a deny without a Sid');
  };
  return { judge, places };
}

const { judge, places } = judgeOf(deploy(synth().json, PLACE));
const { payloads, control, bus, queue, dlq, undelivered, rule, otherRule } = places;
const OWN = `${payloads}/payloads/scanner/scan.made/id/a`;
const OTHERS = `${payloads}/payloads/billing/bill.made/id/a`;

const create = { 's3:ObjectCreationOperation': 'true', 's3:if-none-match': '*' };
const overwrite = { 's3:ObjectCreationOperation': 'true' };
const part = { 's3:ObjectCreationOperation': 'false' };
const url = (ageSeconds: number) => ({
  's3:authType': 'REST-QUERY-STRING',
  's3:signatureAge': String(ageSeconds * 1000),
});
const form = (ageSeconds: number) => ({
  's3:authType': 'POST',
  's3:signatureAge': String(ageSeconds * 1000),
});
const http = { 'aws:SecureTransport': 'false' };
const revoked = { 's3:ExistingObjectTag/waybill:revoked': 'leak' };
const put = (source: string, type: string) => ({ 'events:source': source, 'events:detail-type': type });
const listing = (prefix: string) => ({ 's3:prefix': prefix });
const NOBODY = 'nobody allows';

type Row = readonly [who: Who, action: string, resource: string, context: ContextValues, said: string];

const ROWS: readonly Row[] = [
  // What a producer may do with payloads
  ['producer', 's3:PutObject', OWN, create, 'Allow'],
  ['producer', 's3:PutObject', OWN, part, 'Allow'],
  ['producer', 's3:PutObject', OWN, overwrite, 'WriteOnce'],
  ['producer', 's3:PutObject', OTHERS, create, NOBODY],
  ['producer', 's3:PutObject', `${payloads}/payloads/scanner2/x`, create, NOBODY],
  ['producer', 's3:PutObject', `${payloads}/uploads/u/a`, create, NOBODY],
  ['producer', 's3:PutObject', OWN, { ...create, ...http }, 'RefusePlainHttp'],
  ['producer', 's3:PutObject', OWN, { ...create, 's3:TlsVersion': '1.1' }, 'RefuseOldTls'],
  ['producer', 's3:PutObject', OWN, { ...create, ...url(3_601) }, 'RefuseOldSignatures'],
  ['producer', 's3:AbortMultipartUpload', OWN, {}, 'Allow'],
  ['producer', 's3:ListMultipartUploadParts', OWN, {}, 'Allow'],
  ['producer', 's3:GetObject', OWN, {}, 'Allow'],
  ['producer', 's3:GetObjectVersion', OWN, url(900), 'Allow'],
  ['producer', 's3:GetObjectVersion', OTHERS, {}, NOBODY],
  ['producer', 's3:DeleteObject', OWN, {}, NOBODY],
  ['producer', 's3:DeleteObjectVersion', OWN, {}, NOBODY],
  ['producer', 's3:PutObjectTagging', OWN, {}, 'OnlyRevokersTag'],
  ['producer', 's3:ListBucket', payloads, {}, NOBODY],
  ['producer', 's3:PutBucketPolicy', payloads, {}, NOBODY],
  // URLs that a producer or the URL service has signed: their rights, and the age of their signature
  ['urlService', 's3:GetObjectVersion', OWN, url(3_600), 'Allow'],
  ['urlService', 's3:GetObjectVersion', OWN, url(3_601), 'RefuseOldSignatures'],
  ['urlService', 's3:GetObject', OWN, url(3_601), 'RefuseOldSignatures'],
  ['producer', 's3:GetObject', OWN, url(604_800), 'RefuseOldSignatures'],
  ['admin', 's3:GetObjectVersion', OWN, url(3_601), 'RefuseOldSignatures'],
  [
    'admin',
    's3:PutObject',
    `${payloads}/uploads/u/a`,
    { ...overwrite, ...form(3_601) },
    'RefuseOldSignatures',
  ],
  ['urlService', 's3:GetObjectVersion', OWN, { ...url(10), ...http }, 'RefusePlainHttp'],
  ['urlService', 's3:GetObjectVersion', OWN, { ...url(10), ...revoked }, 'RefuseRevoked'],
  ['urlService', 's3:GetObject', OWN, { ...url(10), ...revoked }, 'RefuseRevoked'],
  ['producer', 's3:GetObject', OWN, revoked, 'RefuseRevoked'],
  ['admin', 's3:GetObjectVersion', OWN, revoked, 'RefuseRevoked'],
  // The URL service
  ['urlService', 's3:GetObjectVersionTagging', OWN, {}, 'Allow'],
  ['urlService', 's3:GetObjectVersionTagging', OTHERS, revoked, 'Allow'],
  ['urlService', 's3:ListBucket', payloads, {}, 'Allow'],
  ['urlService', 's3:GetObject', `${control}/keys/producers.json`, {}, 'Allow'],
  ['urlService', 's3:PutObject', `${control}/keys/producers.json`, {}, NOBODY],
  ['urlService', 's3:GetObject', `${control}/ledger/2026-11-01/13/scanner/x.ndjson`, {}, NOBODY],
  ['urlService', 's3:PutObject', OWN, create, NOBODY],
  ['urlService', 's3:PutObjectVersionTagging', OWN, {}, 'OnlyRevokersTag'],
  ['urlService', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Onlyscanner'],
  ['urlService', 'secretsmanager:GetSecretValue', places.key, {}, NOBODY],
  // Publishing: the source is the producer's own, and nobody else's
  ['producer', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Allow'],
  ['producer', 'events:PutEvents', bus, put('scanner', 'bill.made'), NOBODY],
  ['producer', 'events:PutEvents', bus, put('billing', 'scan.made'), 'Onlybilling'],
  ['producer', 'events:PutEvents', bus, put('unknown', 'scan.made'), NOBODY],
  ['otherProducer', 'events:PutEvents', bus, put('billing', 'anything'), 'Allow'],
  ['otherProducer', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Onlyscanner'],
  ['admin', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Onlyscanner'],
  ['otherAccount', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Onlyscanner'],
  ['stranger', 'events:PutEvents', bus, put('other', 'x'), NOBODY],
  ['producer', 'secretsmanager:GetSecretValue', places.key, {}, 'Allow'],
  ['otherProducer', 'secretsmanager:GetSecretValue', places.key, {}, NOBODY],
  ['consumer', 'secretsmanager:GetSecretValue', places.key, {}, NOBODY],
  // Records: each role under its own prefixes
  ['producer', 's3:PutObject', `${control}/intents/scanner/id`, {}, 'Allow'],
  ['producer', 's3:DeleteObject', `${control}/outbox/scanner/id`, {}, 'Allow'],
  ['producer', 's3:PutObject', `${control}/outbox/billing/id`, {}, NOBODY],
  ['producer', 's3:PutObject', `${control}/ledger/2026-11-01/13/scanner/x.ndjson`, {}, 'Allow'],
  ['producer', 's3:PutObject', `${control}/ledger/2026-11-01/13/billing/x.ndjson`, {}, NOBODY],
  ['producer', 's3:DeleteObject', `${control}/ledger/2026-11-01/13/scanner/x.ndjson`, {}, NOBODY],
  ['producer', 's3:PutObject', `${control}/keys/producers.json`, {}, NOBODY],
  ['producer', 's3:ListBucket', control, listing('outbox/scanner/'), 'Allow'],
  ['producer', 's3:ListBucket', control, listing('idempotency/'), NOBODY],
  ['producer', 's3:GetObject', `${control}/idempotency/archive/scanner/id`, {}, NOBODY],
  ['consumer', 's3:PutObject', `${control}/idempotency/archive/scanner/id`, {}, 'Allow'],
  ['consumer', 's3:GetObject', `${control}/idempotency/archive/scanner/id`, {}, 'Allow'],
  ['consumer', 's3:PutObject', `${control}/idempotency/ledger/scanner/id`, {}, NOBODY],
  ['consumer', 's3:PutObject', `${control}/idempotency/archive2/scanner/id`, {}, NOBODY],
  ['consumer', 's3:ListBucket', control, {}, NOBODY],
  ['consumer', 's3:ListBucket', control, listing('idempotency/archive/'), 'Allow'],
  ['consumer', 's3:PutObject', `${control}/idempotency/archive/scanner/id`, http, 'RefusePlainHttp'],
  ['admin', 's3:GetObject', `${control}/keys/producers.json`, { 's3:TlsVersion': '1.1' }, 'RefuseOldTls'],
  // Consuming
  ['consumer', 'sqs:ReceiveMessage', queue, {}, 'Allow'],
  ['consumer', 'sqs:DeleteMessage', queue, {}, 'Allow'],
  ['consumer', 'sqs:ChangeMessageVisibility', queue, {}, 'Allow'],
  ['consumer', 'sqs:ReceiveMessage', queue, http, 'a deny without a Sid'],
  ['consumer', 'sqs:SendMessage', dlq, {}, 'Allow'],
  ['consumer', 'sqs:GetQueueUrl', dlq, {}, 'Allow'],
  ['consumer', 'sqs:SendMessage', queue, {}, NOBODY],
  ['consumer', 'sqs:DeleteMessage', dlq, {}, NOBODY],
  ['consumer', 'sqs:PurgeQueue', queue, {}, NOBODY],
  ['otherConsumer', 'sqs:ReceiveMessage', queue, {}, NOBODY],
  ['stranger', 'sqs:ReceiveMessage', queue, {}, NOBODY],
  ['otherAccount', 'sqs:ReceiveMessage', queue, {}, NOBODY],
  ['consumer', 's3:GetObject', OWN, {}, NOBODY],
  ['consumer', 's3:GetObjectVersion', OWN, {}, NOBODY],
  ['consumer', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Onlyscanner'],
  [
    'consumer',
    'lambda:InvokeFunctionUrl',
    places.function,
    { 'lambda:FunctionUrlAuthType': 'AWS_IAM' },
    'Allow',
  ],
  ['consumer', 'lambda:InvokeFunctionUrl', places.function, { 'lambda:FunctionUrlAuthType': 'NONE' }, NOBODY],
  ['consumer', 'lambda:InvokeFunction', places.function, { 'lambda:InvokedViaFunctionUrl': 'true' }, 'Allow'],
  ['consumer', 'lambda:InvokeFunction', places.function, {}, NOBODY],
  [
    'producer',
    'lambda:InvokeFunctionUrl',
    places.function,
    { 'lambda:FunctionUrlAuthType': 'AWS_IAM' },
    NOBODY,
  ],
  // Delivery
  ['eventbridge', 'sqs:SendMessage', queue, { 'aws:SourceArn': rule }, 'Allow'],
  ['eventbridge', 'sqs:SendMessage', queue, { 'aws:SourceArn': otherRule }, NOBODY],
  ['eventbridge', 'sqs:SendMessage', queue, {}, NOBODY],
  ['eventbridge', 'sqs:SendMessage', undelivered, { 'aws:SourceArn': rule }, 'Allow'],
  ['eventbridge', 'sqs:SendMessage', dlq, { 'aws:SourceArn': rule }, NOBODY],
  // Replay and redrive
  ['replayer', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Allow'],
  ['replayer', 'events:PutEvents', bus, put('billing', 'bill.made'), 'Allow'],
  ['replayer', 'events:PutEvents', bus, put('unknown', 'x'), NOBODY],
  ['replayer', 's3:GetObject', `${control}/ledger/2026-11-01/13/scanner/x.ndjson`, {}, 'Allow'],
  ['replayer', 's3:PutObject', `${control}/ledger/2026-11-01/13/scanner/x.ndjson`, {}, NOBODY],
  ['replayer', 's3:GetObject', `${control}/idempotency/archive/scanner/id`, {}, 'Allow'],
  ['replayer', 's3:PutObject', `${control}/idempotency/archive/scanner/id`, {}, NOBODY],
  ['replayer', 's3:PutObject', `${control}/replays/r1`, {}, 'Allow'],
  ['replayer', 's3:GetObjectVersion', OWN, {}, NOBODY],
  ['replayer', 'sqs:StartMessageMoveTask', dlq, {}, 'Allow'],
  ['replayer', 'sqs:ReceiveMessage', undelivered, {}, 'Allow'],
  ['replayer', 'sqs:SendMessage', queue, {}, 'Allow'],
  ['replayer', 'sqs:ReceiveMessage', queue, {}, NOBODY],
  // Revoke and erase
  ['revoker', 's3:PutObjectVersionTagging', OWN, {}, 'Allow'],
  ['revoker', 's3:DeleteObjectVersionTagging', OWN, revoked, 'Allow'],
  ['revoker', 's3:DeleteObjectVersion', OWN, {}, 'Allow'],
  ['revoker', 's3:ListBucketVersions', payloads, {}, 'Allow'],
  ['revoker', 's3:GetObjectVersion', OWN, {}, NOBODY],
  ['revoker', 's3:PutObject', OWN, create, NOBODY],
  ['revoker', 's3:PutObject', `${control}/audit/2026-11-01/x`, {}, 'Allow'],
  ['revoker', 's3:DeleteObject', `${control}/audit/2026-11-01/x`, {}, NOBODY],
  ['revoker', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Onlyscanner'],
  ['admin', 's3:PutObjectVersionTagging', OWN, {}, 'OnlyRevokersTag'],
  ['admin', 's3:DeleteObjectTagging', OWN, revoked, 'OnlyRevokersTag'],
  // Those who have nothing to do with it
  ['stranger', 's3:GetObject', OWN, {}, NOBODY],
  ['otherAccount', 's3:GetObjectVersion', OWN, {}, NOBODY],
  ['anonymous', 's3:GetObject', OWN, {}, NOBODY],
  ['anonymous', 's3:PutObject', OWN, create, NOBODY],
  ['admin', 's3:PutObject', OWN, overwrite, 'WriteOnce'],
  ['admin', 's3:GetObject', OWN, http, 'RefusePlainHttp'],
];

describe('the policies of the synthesized template, executed', () => {
  it('are asked often enough, by everyone', () => {
    expect(ROWS.length).toBeGreaterThanOrEqual(60);
    expect(new Set(ROWS.map(([who]) => who)).size).toBe(12);
  });

  it.each(ROWS)('%s %s %s %j: %s', (who, action, resource, context, said) => {
    expect(judge(who, action, resource, context)).toBe(said);
  });
});

describe('the policies with a customer-managed key', () => {
  const deployed = deploy(synth({ encryptionKey: 'new' }).json, PLACE);
  const keyed = judgeOf(deployed);
  const key = deployed.arn(deployed.only('AWS::KMS::Key', 'Key'));
  const through = (arn: string) => ({ 'kms:EncryptionContext:aws:s3:arn': arn });

  it.each<[Who, string, ContextValues, string]>([
    ['producer', 'kms:GenerateDataKey', through(keyed.places.payloads), 'Allow'],
    ['producer', 'kms:Decrypt', through(keyed.places.payloads), 'Allow'],
    ['producer', 'kms:Decrypt', {}, NOBODY],
    ['producer', 'kms:Decrypt', through('arn:aws:s3:::elsewhere'), NOBODY],
    ['producer', 'kms:Encrypt', through(keyed.places.payloads), NOBODY],
    ['urlService', 'kms:Decrypt', through(keyed.places.payloads), 'Allow'],
    ['urlService', 'kms:GenerateDataKey', through(keyed.places.payloads), NOBODY],
    ['consumer', 'kms:Decrypt', through(keyed.places.control), 'Allow'],
    ['consumer', 'kms:Decrypt', through(keyed.places.payloads), NOBODY],
    ['revoker', 'kms:Decrypt', through(keyed.places.payloads), NOBODY],
    ['stranger', 'kms:Decrypt', through(keyed.places.payloads), NOBODY],
  ])('%s %s %j: %s', (who, action, context, said) => {
    expect(keyed.judge(who, action, key, context)).toBe(said);
  });
});
