import { describe, expect, it } from 'vitest';
import { allow } from '../../infra/allow.ts';
import { deploy } from '../helpers/cloudformation.ts';
import { synth, TOPOLOGY } from './synth.ts';

const PLACE = { account: '123456789012', region: 'eu-central-1' };
const { template, json } = synth();
const deployed = deploy(json, PLACE);

const list = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

/** Every statement of a role's or user's policies, with the resource that holds it. */
const identityStatements = () =>
  Object.entries(json.Resources)
    .filter(([, { Type }]) => Type === 'AWS::IAM::Policy')
    .flatMap(([id]) =>
      (deployed.resources[id]!.Properties.PolicyDocument.Statement as any[]).map((statement) => ({
        id,
        statement,
      })),
    );

describe('every permission', () => {
  it('names its actions and resources', () => {
    const statements = identityStatements();
    expect(statements.length).toBeGreaterThan(20);
    for (const { id, statement } of statements) {
      for (const action of list<string>(statement.Action))
        expect(action, id).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
      for (const resource of list<string>(statement.Resource)) {
        expect(resource, id).toMatch(/^arn:aws:/);
        expect(resource.split(':').slice(0, 5).join(':'), id).not.toContain('*');
      }
    }
  });

  it('is given in words of our own: no managed policies', () => {
    for (const [id, { ManagedPolicyArns }] of deployed.ofType('AWS::IAM::Role'))
      expect(ManagedPolicyArns, id).toBeUndefined();
  });

  it('is refused without a reason for its wildcard, and with one in its actions', () => {
    const { stack } = synth();
    const { role } = stack.revoker;
    const permission = { sid: 'X', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/*'] };
    expect(() => allow(role, permission)).toThrow(
      'X: got resource arn:aws:s3:::b/*, expected because to say why',
    );
    expect(() => allow(role, { ...permission, because: 'it must' })).not.toThrow();
    expect(() => allow(role, { ...permission, because: 'it must', actions: ['s3:Get*'] })).toThrow(
      'X: got action s3:Get*',
    );
  });
});

describe('roles', () => {
  it('are taken by whom the topology says', () => {
    const trusted = (prefix: string) =>
      deployed.resources[deployed.only('AWS::IAM::Role', prefix)]!.Properties.AssumeRolePolicyDocument
        .Statement;
    expect(trusted('Producerbilling')[0].Principal).toEqual({
      AWS: 'arn:aws:iam::210987654321:role/billing',
    });
    expect(trusted('Consumerledger')[0].Principal).toEqual({ AWS: 'arn:aws:iam::210987654321:root' });
    expect(trusted('Producerscanner')[0].Principal).toEqual({ AWS: 'arn:aws:iam::123456789012:root' });
  });
});

describe('queues', () => {
  it('are encrypted, and refuse plain HTTP', () => {
    const queues = deployed.ofType('AWS::SQS::Queue');
    expect(queues.length).toBe(3 * TOPOLOGY.consumers.length);
    for (const [id, properties] of queues) {
      expect(properties.SqsManagedSseEnabled, id).toBe(true);
      const policies = deployed
        .ofType('AWS::SQS::QueuePolicy')
        .filter(([, { Queues }]) => Queues.some((url: string) => url.endsWith(`/${deployed.name(id)}`)));
      const denies = policies
        .flatMap(([, { PolicyDocument }]) => PolicyDocument.Statement)
        .filter(
          ({ Effect, Condition }) =>
            Effect === 'Deny' && Condition?.Bool?.['aws:SecureTransport'] === 'false',
        );
      expect(denies, id).toMatchObject([{ Action: 'sqs:*', Principal: { AWS: '*' } }]);
    }
  });

  it('have a dead-letter queue, but for those that are one', () => {
    const arns = deployed.ofType('AWS::SQS::Queue').map(([id]) => deployed.arn(id));
    const lasts = new Set([
      ...deployed
        .ofType('AWS::SQS::Queue')
        .map(([, { RedrivePolicy }]) => RedrivePolicy?.deadLetterTargetArn),
      ...deployed
        .ofType('AWS::Events::Rule')
        .filter(([, { ScheduleExpression }]) => ScheduleExpression === undefined)
        .flatMap(([, { Targets }]) => Targets.map((t: any) => t.DeadLetterConfig.Arn)),
    ]);
    const working = deployed.ofType('AWS::SQS::Queue').filter(([id]) => !lasts.has(deployed.arn(id)));
    expect(working.map(([id]) => deployed.name(id)).sort()).toEqual(['acme-archive', 'acme-ledger']);
    for (const [id, { RedrivePolicy }] of working)
      expect(arns, id).toContain(RedrivePolicy.deadLetterTargetArn);
  });

  it("keep what the consumer's description says", () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'acme-ledger',
      MessageRetentionPeriod: 14 * 86_400,
      VisibilityTimeout: 60,
      RedrivePolicy: { maxReceiveCount: 5 },
    });
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'acme-archive',
      RedrivePolicy: { maxReceiveCount: 20 },
    });
  });

  it('get the events of their types, and replays for them or for everyone, with a day of retries', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      Name: 'acme-archive',
      EventPattern: { 'detail-type': ['scan.made'], detail: { replayfor: [{ exists: false }, 'archive'] } },
      Targets: [
        { Id: 'queue', RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 } },
      ],
    });
  });
});

describe('buckets', () => {
  it('are private, versioned, encrypted, owner-enforced, and stay when the stack goes', () => {
    const buckets = Object.entries(json.Resources).filter(([, { Type }]) => Type === 'AWS::S3::Bucket');
    expect(buckets.length).toBe(3);
    for (const [id, bucket] of buckets) {
      expect(bucket['DeletionPolicy'], id).toBe('Retain');
      expect(bucket['UpdateReplacePolicy'], id).toBe('Retain');
      expect(bucket.Properties, id).toMatchObject({
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
      });
      if (!id.startsWith('AccessLogs'))
        expect(bucket.Properties, id).toMatchObject({ VersioningConfiguration: { Status: 'Enabled' } });
    }
  });

  it('keep payloads as long as the topology says, and abort what was never finished', () => {
    const id = deployed.only('AWS::S3::Bucket', 'PayloadsBucket');
    const { Rules } = deployed.resources[id]!.Properties.LifecycleConfiguration;
    expect(Rules).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          Prefix: 'payloads/',
          // 1 that the bus tries, 14 in each of three queues, 30 of the archive
          ExpirationInDays: 73,
          NoncurrentVersionExpiration: { NoncurrentDays: 73 },
        }),
        expect.objectContaining({ Prefix: 'uploads/', ExpirationInDays: 73 }),
        expect.objectContaining({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }),
      ]),
    );
  });

  it('answer pages of the given origins only, and show them what they need to verify', () => {
    const id = deployed.only('AWS::S3::Bucket', 'PayloadsBucket');
    const { CorsRules } = deployed.resources[id]!.Properties.CorsConfiguration;
    expect(CorsRules).toHaveLength(1);
    expect(CorsRules[0].AllowedOrigins).toEqual(['https://app.example.com']);
    expect(CorsRules[0].ExposedHeaders).toEqual(
      expect.arrayContaining(['ETag', 'x-amz-version-id', 'x-amz-checksum-crc32c', 'Content-Range']),
    );
    const closed = synth({ topology: { ...TOPOLOGY, origins: [] } }).json;
    for (const { Type, Properties } of Object.values(closed.Resources))
      if (Type === 'AWS::S3::Bucket') expect(Properties.CorsConfiguration).toBeUndefined();
  });

  it('use the key they are given, which is rotated', () => {
    const keyed = synth({ encryptionKey: 'new' }).template;
    keyed.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
    const encrypted = Object.values(keyed.findResources('AWS::S3::Bucket')).filter(
      ({ Properties }) =>
        Properties.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault
          .SSEAlgorithm === 'aws:kms',
    );
    expect(encrypted).toHaveLength(2);
  });
});

describe('the rest', () => {
  it('keeps every log group for a limited time', () => {
    const groups = deployed.ofType('AWS::Logs::LogGroup');
    expect(groups.length).toBeGreaterThan(0);
    for (const [id, { RetentionInDays }] of groups) expect(RetentionInDays, id).toBe(90);
  });

  it('demands an AWS identity of who calls the URL service, and bounds its instances', () => {
    template.allResourcesProperties('AWS::Lambda::Url', { AuthType: 'AWS_IAM' });
    template.hasResourceProperties('AWS::Lambda::Function', {
      ReservedConcurrentExecutions: 50,
      Architectures: ['arm64'],
    });
    const urlService = deployed.arn(deployed.only('AWS::Lambda::Function', 'UrlService'));
    const permissions = deployed.ofType('AWS::Lambda::Permission').map(([, properties]) => properties);
    expect(permissions.filter(({ FunctionName }) => FunctionName === urlService)).toEqual([]);
  });

  it('tells the URL service who its callers are, and what for', () => {
    const id = deployed.only('AWS::Lambda::Function', 'UrlService');
    const { Variables } = deployed.resources[id]!.Properties.Environment;
    expect(JSON.parse(Variables.WAYBILL_CALLERS)).toEqual([
      {
        arn: deployed.arn(deployed.only('AWS::IAM::Role', 'Consumerarchive')),
        caller: 'archive',
        types: ['scan.made'],
        prefixes: ['payloads/scanner/'],
      },
      {
        arn: deployed.arn(deployed.only('AWS::IAM::Role', 'Consumerledger')),
        caller: 'ledger',
        types: '*',
        prefixes: ['payloads/'],
      },
    ]);
    expect(JSON.parse(Variables.WAYBILL_PRODUCER_KEYS)).toMatchObject({ key: 'keys/producers.json' });
  });

  it('holds a place for signing keys, and no key', () => {
    const secrets = deployed.ofType('AWS::SecretsManager::Secret');
    expect(secrets.map(([, { Name }]) => String(Name)).sort()).toEqual([
      'acme/signing-key/billing',
      'acme/signing-key/scanner',
    ]);
    for (const [, properties] of secrets) {
      expect(properties).not.toHaveProperty('SecretString');
      expect(properties.GenerateSecretString.SecretStringTemplate).toBe('{"empty":true}');
    }
  });

  it('runs no code of others at deployment: no custom resource', () => {
    const types = new Set(Object.values(json.Resources).map(({ Type }) => Type));
    expect([...types].filter((type) => /^(Custom::|AWS::CloudFormation::CustomResource)/.test(type))).toEqual(
      [],
    );
  });

  it('archives every event, but no replay', () => {
    template.hasResourceProperties('AWS::Events::Archive', {
      RetentionDays: 30,
      EventPattern: { source: [{ prefix: '' }], detail: { replayid: [{ exists: false }] } },
    });
  });

  it('opens the URL service to partners by token, with a limit on their rate', () => {
    const withPartners = synth({
      partners: {
        issuer: 'https://login.example.com',
        audience: ['waybill'],
        clients: { 'acme-client': { caller: 'acme', types: '*', prefixes: ['payloads/scanner/'] } },
        requestsPerSecond: 7,
      },
    }).template;
    withPartners.hasResourceProperties('AWS::ApiGatewayV2::Authorizer', {
      AuthorizerType: 'JWT',
      JwtConfiguration: { Issuer: 'https://login.example.com', Audience: ['waybill'] },
    });
    withPartners.allResourcesProperties('AWS::ApiGatewayV2::Route', {
      AuthorizationType: 'JWT',
      RouteKey: 'POST /redeem',
    });
    withPartners.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      DefaultRouteSettings: { ThrottlingRateLimit: 7, ThrottlingBurstLimit: 14 },
    });
  });
});

describe('synth fails', () => {
  it('when payloads are removed before the day that events promise', () => {
    const topology = { ...TOPOLOGY, retention: { payloadDays: 72 } };
    expect(() => synth({ topology })).toThrow(
      'topology.retention.payloadDays: got 72, expected at least 73: events promise (retainUntil)',
    );
  });

  it('when URLs live longer than the bucket lets them', () => {
    expect(() => synth({ urlTtlSeconds: 3_601 })).toThrow('urlTtlSeconds: got 3601, expected at most');
  });

  it('when the callers do not fit into the environment of the function', () => {
    const consumers = Array.from({ length: 40 }, (_, n) => ({ name: `consumer-${n}` }));
    expect(() => synth({ topology: { ...TOPOLOGY, consumers } })).toThrow(
      /the table of 40 callers takes about \d+ bytes/,
    );
  });

  it('when the topology is malformed, naming the field', () => {
    expect(() => synth({ topology: { consumers: [{ name: '1' }] } })).toThrow('topology.consumers.0.name');
  });
});
