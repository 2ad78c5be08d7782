import { describe, expect, it } from 'vitest';
import { evaluate, readPolicy, type ContextValues, type PolicyPrincipal } from '../../local/policy.ts';
import { deploy, type Deployed } from '../helpers/cloudformation.ts';
import { synthEverything } from './everything.ts';
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
  sweeper: 'SweeperSweepRole',
  rotation: 'KeyRotationRotateRole',
  uploadHttp: 'UploadsHttpRole',
  uploadIntake: 'UploadsIntakeTakeRole',
  uploadSweep: 'UploadsSweepRole',
  pageFiles: 'UploadPageFilesRole',
  consumerFunction: 'ArchiveFunctionConsumerRole',
  consumerService: 'LedgerServiceRole',
} as const;

type Who =
  | keyof typeof ROLES
  | 'stranger'
  | 'admin'
  | 'otherAccount'
  | 'anonymous'
  | 'eventbridge'
  | 'cloudfront';

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
    ledgerQueue: deployed.arn(deployed.only('AWS::SQS::Queue', 'QueueledgerQueue')),
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
    if (who === 'eventbridge' || who === 'cloudfront') {
      const service = who === 'eventbridge' ? 'events' : who;
      return { principal: { type: 'Service', service: `${service}.amazonaws.com` }, policies: [], arn: '' };
    }
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

const everything = deploy(synthEverything().json, PLACE);
const { judge, places } = judgeOf(everything);
const uploads = {
  key: everything.arn(everything.only('AWS::SecretsManager::Secret', 'UploadsSigningKey')),
  queue: everything.arn(everything.only('AWS::SQS::Queue', 'UploadsIntakeQueue')),
  rule: everything.arn(everything.only('AWS::Events::Rule', 'UploadsIntake')),
};
const page = {
  file: `${everything.arn(everything.only('AWS::S3::Bucket', 'UploadPageBucket'))}/index.html`,
  by: (distribution: string) => ({
    'aws:SourceArn': `arn:aws:cloudfront::${ACCOUNT}:distribution/${distribution}`,
  }),
  distribution: everything.name(everything.only('AWS::CloudFront::Distribution', 'UploadPage')),
};
const { payloads, control, bus, queue, dlq, undelivered, rule, otherRule } = places;
const OWN = `${payloads}/payloads/scanner/scan.made/id/a`;
const UPLOAD = `${payloads}/uploads/u/content`;
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
  // The sweeper: finishes for every producer, reads and removes nothing
  ['sweeper', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Allow'],
  ['sweeper', 'events:PutEvents', bus, put('billing', 'bill.made'), 'Allow'],
  ['sweeper', 'events:PutEvents', bus, put('uploads', 'form.uploaded'), 'Onlyuploads'],
  ['sweeper', 'events:PutEvents', bus, put('unknown', 'x'), NOBODY],
  ['sweeper', 's3:DeleteObject', `${control}/outbox/scanner/id`, {}, 'Allow'],
  ['sweeper', 's3:PutObject', `${control}/intents/billing/id`, {}, 'Allow'],
  ['sweeper', 's3:PutObject', `${control}/ledger/2026-11-01/13/billing/x.ndjson`, {}, 'Allow'],
  ['sweeper', 's3:DeleteObject', `${control}/ledger/2026-11-01/13/billing/x.ndjson`, {}, NOBODY],
  ['sweeper', 's3:PutObject', `${control}/keys/producers.json`, {}, NOBODY],
  ['sweeper', 's3:GetObject', `${control}/idempotency/archive/scanner/id`, {}, NOBODY],
  ['sweeper', 's3:GetObjectVersion', OWN, url(900), 'Allow'],
  ['sweeper', 's3:GetObjectVersion', OWN, { ...url(900), ...revoked }, 'RefuseRevoked'],
  ['sweeper', 's3:GetObjectVersion', UPLOAD, url(900), NOBODY],
  ['sweeper', 's3:DeleteObjectVersion', OWN, {}, NOBODY],
  ['sweeper', 's3:ListBucketVersions', payloads, listing('payloads/scanner/scan.made/'), 'Allow'],
  ['sweeper', 's3:ListBucketVersions', payloads, listing('uploads/'), NOBODY],
  ['sweeper', 's3:ListBucketMultipartUploads', payloads, {}, NOBODY],
  // Uploads: what the service signs, a browser may do
  ['uploadHttp', 's3:PutObject', UPLOAD, { ...create, ...url(900) }, 'Allow'],
  ['uploadHttp', 's3:PutObject', UPLOAD, { ...overwrite, ...form(900) }, 'Allow'],
  ['uploadHttp', 's3:PutObject', UPLOAD, { ...overwrite, ...form(3_601) }, 'RefuseOldSignatures'],
  ['uploadHttp', 's3:PutObject', UPLOAD, { ...part, ...url(3_601) }, 'RefuseOldSignatures'],
  ['uploadHttp', 's3:PutObject', OWN, create, NOBODY],
  ['uploadHttp', 's3:PutObjectTagging', UPLOAD, {}, 'OnlyRevokersTag'],
  ['uploadHttp', 's3:GetObjectVersion', UPLOAD, url(300), 'Allow'],
  ['uploadHttp', 's3:GetObjectVersion', UPLOAD, { ...url(300), ...http }, 'RefusePlainHttp'],
  ['uploadHttp', 's3:GetObjectVersion', OWN, url(300), NOBODY],
  ['uploadHttp', 's3:DeleteObjectVersion', UPLOAD, {}, 'Allow'],
  ['uploadHttp', 's3:PutObject', `${control}/links/abc.json`, {}, 'Allow'],
  ['uploadHttp', 's3:PutObject', `${control}/uploads/records/x/y.json`, {}, 'Allow'],
  ['uploadHttp', 's3:PutObject', `${control}/keys/producers.json`, {}, NOBODY],
  ['uploadHttp', 'events:PutEvents', bus, put('uploads', 'form.uploaded'), 'Onlyuploads'],
  ['uploadHttp', 'secretsmanager:GetSecretValue', uploads.key, {}, NOBODY],
  ['uploadIntake', 's3:GetObjectVersion', UPLOAD, {}, 'Allow'],
  ['uploadIntake', 's3:DeleteObjectVersion', UPLOAD, {}, 'Allow'],
  ['uploadIntake', 's3:PutObject', UPLOAD, create, NOBODY],
  ['uploadIntake', 's3:DeleteObjectVersion', OWN, {}, NOBODY],
  ['uploadIntake', 'events:PutEvents', bus, put('uploads', 'form.uploaded'), 'Allow'],
  ['uploadIntake', 'events:PutEvents', bus, put('scanner', 'scan.made'), 'Onlyscanner'],
  ['uploadIntake', 'secretsmanager:GetSecretValue', uploads.key, {}, 'Allow'],
  ['uploadIntake', 'secretsmanager:GetSecretValue', places.key, {}, NOBODY],
  ['uploadIntake', 'sqs:ReceiveMessage', uploads.queue, {}, 'Allow'],
  ['uploadIntake', 'sqs:ReceiveMessage', queue, {}, NOBODY],
  ['uploadSweep', 's3:AbortMultipartUpload', UPLOAD, {}, 'Allow'],
  ['uploadSweep', 's3:DeleteObjectVersion', OWN, {}, NOBODY],
  ['uploadSweep', 's3:GetObjectVersion', UPLOAD, {}, NOBODY],
  ['uploadSweep', 's3:DeleteObject', `${control}/uploads/open/x/y.1`, {}, 'Allow'],
  ['uploadSweep', 's3:GetObject', `${control}/links/abc.json`, {}, NOBODY],
  ['eventbridge', 'sqs:SendMessage', uploads.queue, { 'aws:SourceArn': uploads.rule }, 'Allow'],
  ['eventbridge', 'sqs:SendMessage', uploads.queue, { 'aws:SourceArn': rule }, NOBODY],
  ['producer', 'events:PutEvents', bus, put('uploads', 'form.uploaded'), 'Onlyuploads'],
  ['replayer', 'events:PutEvents', bus, put('uploads', 'form.uploaded'), 'Allow'],
  ['urlService', 's3:GetObjectVersion', UPLOAD, url(900), 'Allow'],
  // The page: read by its distribution, written at deployment
  ['cloudfront', 's3:GetObject', page.file, page.by(page.distribution), 'Allow'],
  ['cloudfront', 's3:GetObject', page.file, page.by('another'), NOBODY],
  [
    'cloudfront',
    's3:GetObject',
    page.file,
    { ...page.by(page.distribution), ...http },
    'a deny without a Sid',
  ],
  ['cloudfront', 's3:GetObject', OWN, page.by(page.distribution), NOBODY],
  ['anonymous', 's3:GetObject', page.file, {}, NOBODY],
  ['pageFiles', 's3:PutObject', page.file, {}, 'Allow'],
  ['pageFiles', 's3:DeleteObject', page.file, {}, NOBODY],
  ['pageFiles', 's3:PutObject', UPLOAD, create, NOBODY],
  ['pageFiles', 's3:GetObject', OWN, {}, NOBODY],
  ['uploadHttp', 's3:PutObject', page.file, {}, NOBODY],
  // Keys: one writes the list, and no role but its producer's reads what signs
  ['rotation', 'secretsmanager:PutSecretValue', places.key, {}, 'Allow'],
  ['rotation', 'secretsmanager:UpdateSecretVersionStage', uploads.key, {}, 'Allow'],
  ['rotation', 'secretsmanager:DeleteSecret', places.key, {}, NOBODY],
  ['rotation', 's3:PutObject', `${control}/keys/producers.json`, {}, 'Allow'],
  ['rotation', 's3:DeleteObject', `${control}/keys/producers.json`, {}, NOBODY],
  ['rotation', 's3:PutObject', `${control}/outbox/scanner/id`, {}, NOBODY],
  ['rotation', 's3:GetObjectVersion', OWN, {}, NOBODY],
  ['producer', 'secretsmanager:PutSecretValue', places.key, {}, NOBODY],
  ['sweeper', 'secretsmanager:GetSecretValue', places.key, {}, NOBODY],
  // Consumers that run here have a consumer's rights, and not more
  ['consumerFunction', 'sqs:ReceiveMessage', queue, {}, 'Allow'],
  ['consumerFunction', 'sqs:SendMessage', dlq, {}, 'Allow'],
  ['consumerFunction', 'sqs:ReceiveMessage', places.ledgerQueue, {}, NOBODY],
  ['consumerFunction', 's3:PutObject', `${control}/idempotency/archive/scanner/id`, {}, 'Allow'],
  ['consumerFunction', 's3:PutObject', `${control}/idempotency/ledger/scanner/id`, {}, NOBODY],
  ['consumerFunction', 's3:GetObjectVersion', OWN, {}, NOBODY],
  [
    'consumerFunction',
    'lambda:InvokeFunctionUrl',
    places.function,
    { 'lambda:FunctionUrlAuthType': 'AWS_IAM' },
    'Allow',
  ],
  ['consumerService', 'sqs:ReceiveMessage', places.ledgerQueue, {}, 'Allow'],
  ['consumerService', 'sqs:ReceiveMessage', queue, {}, NOBODY],
  ['consumerService', 's3:GetObjectVersion', UPLOAD, {}, NOBODY],
  ['consumerService', 'lambda:InvokeFunction', places.function, {}, NOBODY],
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
    expect(new Set(ROWS.map(([who]) => who)).size).toBe(21);
  });

  it.each(ROWS)('%s %s %s %j: %s', (who, action, resource, context, said) => {
    expect(judge(who, action, resource, context)).toBe(said);
  });
});

describe('the policies with sources', () => {
  const inside = judgeOf(
    deploy(synth({ sourceVpces: ['vpce-1'], sourceIps: ['203.0.113.0/24'] }).json, PLACE),
  );
  const object = `${inside.places.payloads}/payloads/scanner/scan.made/id/a`;
  const from = (endpoint: string, address: string) => ({
    ...url(10),
    'aws:SourceVpce': endpoint,
    'aws:SourceIp': address,
  });

  it.each<[Who, string, ContextValues, string]>([
    ['urlService', 's3:GetObjectVersion', from('vpce-1', '10.0.0.1'), 'Allow'],
    ['urlService', 's3:GetObjectVersion', from('vpce-2', '203.0.113.9'), 'Allow'],
    ['urlService', 's3:GetObjectVersion', from('vpce-2', '10.0.0.1'), 'OnlyFromSources'],
    ['urlService', 's3:GetObjectVersionTagging', from('vpce-2', '10.0.0.1'), 'Allow'],
    ['producer', 's3:PutObject', { ...create, ...from('vpce-2', '10.0.0.1') }, 'OnlyFromSources'],
  ])('%s %s %j: %s', (who, action, context, said) => {
    expect(inside.judge(who, action, object, context)).toBe(said);
  });
});

describe('the policies with a customer-managed key', () => {
  const deployed = deploy(synthEverything({ encryptionKey: 'new' }).json, PLACE);
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
    ['sweeper', 'kms:Decrypt', through(keyed.places.payloads), 'Allow'],
    ['sweeper', 'kms:GenerateDataKey', through(keyed.places.payloads), NOBODY],
    ['uploadHttp', 'kms:GenerateDataKey', through(keyed.places.payloads), 'Allow'],
    ['uploadIntake', 'kms:Decrypt', through(keyed.places.payloads), 'Allow'],
    ['uploadIntake', 'kms:GenerateDataKey', through(keyed.places.payloads), NOBODY],
    ['uploadSweep', 'kms:Decrypt', through(keyed.places.payloads), NOBODY],
    ['rotation', 'kms:GenerateDataKey', through(keyed.places.control), 'Allow'],
    ['rotation', 'kms:Decrypt', through(keyed.places.payloads), NOBODY],
    ['stranger', 'kms:Decrypt', through(keyed.places.payloads), NOBODY],
  ])('%s %s %j: %s', (who, action, context, said) => {
    expect(keyed.judge(who, action, key, context)).toBe(said);
  });
});
