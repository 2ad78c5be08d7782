import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { deploy, type CloudFormation } from '../helpers/cloudformation.ts';
import { synthEverything, TOPIC, UPLOADS } from './everything.ts';
import { synth, TOPOLOGY } from './synth.ts';

const { template, json } = synthEverything();
const deployed = deploy(json, { account: '123456789012', region: 'eu-central-1' });
const functionOf = (prefix: string) =>
  deployed.resources[deployed.only('AWS::Lambda::Function', prefix)]!.Properties;
const queueOf = (prefix: string) => deployed.resources[deployed.only('AWS::SQS::Queue', prefix)]!.Properties;

describe('every function and service', () => {
  it('keeps its log for a limited time, in a group of its own', () => {
    const groups = deployed.ofType('AWS::Logs::LogGroup');
    for (const [id, { RetentionInDays }] of groups) expect(RetentionInDays, id).toBe(90);
    const names = deployed
      .ofType('AWS::Lambda::Function')
      .map(([, { LoggingConfig }]) => LoggingConfig.LogGroup);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBe(8);
    expect(groups.length).toBeGreaterThan(names.length);
  });

  it('names actions and resources; * stands only where AWS knows nothing narrower', () => {
    const list = (value: unknown) => [value].flat() as string[];
    const wide: string[] = [];
    for (const [id, { PolicyDocument }] of deployed.ofType('AWS::IAM::Policy'))
      for (const { Action, Resource } of PolicyDocument.Statement) {
        for (const action of list(Action)) expect(action, id).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
        if (list(Resource).includes('*')) wide.push(...list(Action));
      }
    expect(wide).toEqual(['ecr:GetAuthorizationToken']);
  });

  it("deploys no code of others, but CDK's where there is a page: it puts the files into the bucket", () => {
    const others = (of: CloudFormation) =>
      Object.values(of.Resources)
        .map(({ Type }) => Type)
        .filter((type) => /^(Custom::|AWS::CloudFormation::CustomResource)/.test(type));
    expect(new Set(others(json))).toEqual(new Set(['Custom::CDKBucketDeployment']));
    const { page: _page, ...uploads } = UPLOADS;
    expect(others(synthEverything({ uploads }).json)).toEqual([]);
  });
});

describe('ConsumerFunction', () => {
  it('returns what failed, bounds its instances, and stands behind its own queue', () => {
    const mapping = deployed
      .ofType('AWS::Lambda::EventSourceMapping')
      .find(([id]) => id.startsWith('ArchiveFunction'));
    expect(mapping?.[1]).toMatchObject({
      EventSourceArn: deployed.arn(deployed.only('AWS::SQS::Queue', 'QueuearchiveQueue')),
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 10 },
      BatchSize: 1,
    });
  });

  it('finds in its environment what the exchange is', () => {
    const { Timeout, EphemeralStorage, Environment } = functionOf('ArchiveFunction');
    expect(queueOf('QueuearchiveQueue').VisibilityTimeout).toBeGreaterThanOrEqual(6 * Timeout);
    expect(EphemeralStorage.Size * 1024 ** 2).toBe(
      Number(Environment.Variables.WAYBILL_EPHEMERAL_STORAGE_BYTES),
    );
    expect(Environment.Variables).toMatchObject({
      WAYBILL_CONSUMER: 'archive',
      WAYBILL_QUEUE: expect.stringMatching(/\/acme-archive$/),
      WAYBILL_DLQ: expect.stringMatching(/\/acme-archive-dlq$/),
      WAYBILL_URL_SERVICE: expect.stringMatching(/^https:\/\/.*lambda-url/),
    });
    expect(JSON.parse(Environment.Variables.WAYBILL_STORES)).toEqual({
      payloads: { bucket: expect.stringMatching(/^payloads/), region: 'eu-central-1' },
    });
    expect(JSON.parse(Environment.Variables.WAYBILL_CONTROL)).toMatchObject({ region: 'eu-central-1' });
  });

  it('refuses a queue that shows a message again while the function still runs', () => {
    expect(() => synthEverything({ topology: TOPOLOGY })).toThrow(
      "consumer archive: visibilityTimeoutSeconds: got 60, expected at least 360: 6 times the function's timeout of 60 s",
    );
  });
});

describe('ConsumerService', () => {
  it('drains before it is killed, and is replaced when its worker is stuck, not when it waits', () => {
    const [, task] = deployed.ofType('AWS::ECS::TaskDefinition')[0]!;
    const [container] = task.ContainerDefinitions;
    expect(container).toMatchObject({
      StopTimeout: 120,
      ReadonlyRootFilesystem: true,
      LinuxParameters: { InitProcessEnabled: true },
      MountPoints: [{ ContainerPath: '/var/waybill', ReadOnly: false, SourceVolume: 'work' }],
    });
    expect(container.HealthCheck.Command.join(' ')).toContain('http://127.0.0.1:9464/healthz');
    const environment = Object.fromEntries(
      container.Environment.map(({ Name, Value }: { Name: string; Value: string }) => [Name, Value]),
    );
    expect(environment).toMatchObject({
      WAYBILL_CONSUMER: 'ledger',
      WAYBILL_HEALTH_PORT: '9464',
      TMPDIR: '/var/waybill',
    });
    expect(task).toMatchObject({ RuntimePlatform: { CpuArchitecture: 'ARM64' } });
  });

  it('has as many tasks as its backlog needs, and no deployment changes how many', () => {
    template.hasResourceProperties('AWS::ECS::Service', {
      DesiredCount: Match.absent(),
      DeploymentConfiguration: {
        MinimumHealthyPercent: 100,
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      },
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      ScalableDimension: 'ecs:service:DesiredCount',
      MinCapacity: 1,
      MaxCapacity: 10,
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 100,
        CustomizedMetricSpecification: {
          Metrics: Match.arrayWith([Match.objectLike({ Expression: 'waiting / tasks', ReturnData: true })]),
        },
      },
    });
    template.hasResourceProperties('AWS::ECS::Cluster', {
      ClusterSettings: [{ Name: 'containerInsights', Value: 'enabled' }],
    });
  });
});

describe('Sweeper', () => {
  it('runs every five minutes, once at a time, over all producers', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(5 minutes)',
      Targets: [Match.objectLike({ RetryPolicy: { MaximumRetryAttempts: 0 } })],
    });
    const { ReservedConcurrentExecutions, Environment } = functionOf('Sweeper');
    expect(ReservedConcurrentExecutions).toBe(1);
    expect(JSON.parse(Environment.Variables.WAYBILL_PRODUCERS)).toEqual(['scanner', 'billing']);
    expect(Environment.Variables).not.toHaveProperty('WAYBILL_DELETE');
  });
});

describe('UploadService', () => {
  it('demands a token for everything that belongs to somebody', () => {
    const routes = deployed.ofType('AWS::ApiGatewayV2::Route').map(([, properties]) => properties);
    const open = routes.filter(({ AuthorizationType }) => AuthorizationType !== 'JWT');
    expect(open.map(({ RouteKey }) => String(RouteKey)).sort()).toEqual([
      'GET /d/{secret}',
      'GET /healthz',
      'GET /openapi.json',
      'GET /types',
      'OPTIONS /{proxy+}',
      'POST /d/{secret}',
    ]);
    expect(routes.length - open.length).toBe(7);
    template.hasResourceProperties('AWS::ApiGatewayV2::Authorizer', {
      JwtConfiguration: { Issuer: UPLOADS.tokens.issuer, Audience: [UPLOADS.tokens.audience] },
    });
  });

  it('writes no path of a link into its log: it holds the secret', () => {
    const [, stage] = deployed.ofType('AWS::ApiGatewayV2::Stage')[0]!;
    expect(stage.AccessLogSettings.Format).toContain('$context.routeKey');
    expect(stage.AccessLogSettings.Format).not.toContain('$context.path');
  });

  it("hears of new objects from S3 by the default bus, and of no other bucket's", () => {
    const bucket = deployed.name(deployed.only('AWS::S3::Bucket', 'PayloadsBucket'));
    const [, rule] = deployed.ofType('AWS::Events::Rule').find(([id]) => id.startsWith('UploadsIntake'))!;
    expect(rule).not.toHaveProperty('EventBusName');
    expect(rule.EventPattern).toEqual({
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { bucket: { name: [bucket] }, object: { key: [{ prefix: 'uploads/' }] } },
    });
    expect(deployed.resources[deployed.only('AWS::S3::Bucket', 'PayloadsBucket')]!.Properties).toMatchObject({
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    });
    const { Timeout } = functionOf('UploadsIntake');
    expect(queueOf('UploadsIntakeQueue').VisibilityTimeout).toBeGreaterThanOrEqual(6 * Timeout);
  });

  it('publishes under a key that may name uploads only, and which consumers may redeem', () => {
    const { WAYBILL_ROTATED_PRODUCERS: rotated } = functionOf('KeyRotation').Environment.Variables;
    expect(JSON.parse(rotated)).toContainEqual({
      secretArn: deployed.arn(deployed.only('AWS::SecretsManager::Secret', 'UploadsSigningKey')),
      issuer: 'uploads',
      prefixes: ['uploads/'],
      retainDays: 73,
    });
    const callers = JSON.parse(functionOf('UrlService').Environment.Variables.WAYBILL_CALLERS);
    const prefixesOf = (caller: string) => callers.find((each: any) => each.caller === caller).prefixes;
    expect(prefixesOf('ledger')).toEqual(['payloads/', 'uploads/']);
    expect(prefixesOf('archive')).toEqual(['payloads/scanner/']);
  });

  it('refuses files that the intake could not read in time, and the name of a producer', () => {
    const uploads = (props: object) => synth({ uploads: { ...UPLOADS, ...props } });
    const types = { 'form.uploaded': { mediaTypes: ['*'], maxSizeBytes: 50 * 1024 ** 3 } };
    expect(() => uploads({ policy: { types } })).toThrow(
      'policy.types.form.uploaded.maxSizeBytes: got 53687091200, expected at most',
    );
    expect(() => synth({ uploads: UPLOADS, sourceVpces: ['vpce-1'] })).toThrow(
      'uploads: got some, expected none',
    );
    expect(() => uploads({ producer: 'scanner' })).toThrow('uploads.producer: got scanner, expected a name');
  });
});

describe('signing keys', () => {
  it('are made and rotated by the rotation function, and stand in no template', () => {
    const schedules = deployed.ofType('AWS::SecretsManager::RotationSchedule');
    const secrets = deployed.ofType('AWS::SecretsManager::Secret');
    expect(schedules.map(([, { SecretId }]) => String(SecretId)).sort()).toEqual(
      secrets.map(([id]) => deployed.arn(id)).sort(),
    );
    for (const [id, properties] of schedules)
      expect(properties, id).toMatchObject({
        RotationLambdaARN: deployed.arn(deployed.only('AWS::Lambda::Function', 'KeyRotation')),
        RotationRules: { AutomaticallyAfterDays: 90 },
        RotateImmediatelyOnUpdate: true,
      });
    for (const [id, { SecretString }] of secrets) expect(SecretString, id).toBeUndefined();
  });

  it('are rotated when Secrets Manager of this account asks, and nobody else', () => {
    template.hasResourceProperties('AWS::Lambda::Permission', {
      Principal: 'secretsmanager.amazonaws.com',
      SourceAccount: { Ref: 'AWS::AccountId' },
    });
    const callers = deployed.ofType('AWS::Lambda::Permission');
    for (const [id, { SourceArn, SourceAccount }] of callers)
      expect(SourceArn ?? SourceAccount, id).toBeDefined();
  });
});

describe('alarms', () => {
  const alarms = deployed.ofType('AWS::CloudWatch::Alarm').map(([, properties]) => properties);
  const alarm = (name: string) => alarms.find(({ AlarmName }) => AlarmName === `acme-${name}`);

  it('watch each queue, rule, function and the payloads', () => {
    const ofQueue = (word: string) =>
      ['dead-letters', 'undelivered', 'failed-invocations'].map((what) => `acme-${word}-${what}`);
    expect(alarms.map(({ AlarmName }) => String(AlarmName)).sort()).toEqual(
      [
        ...['archive', 'ledger', 'upload-intake'].flatMap((word) => ofQueue(word)),
        'acme-archive-oldest-message',
        'acme-ledger-oldest-message',
        ...['key-rotation', 'sweeper', 'upload-intake', 'upload-service', 'upload-sweep'].map(
          (word) => `acme-${word}-errors`,
        ),
        'acme-url-service-errors',
        'acme-url-service-throttles',
        'acme-claim-checks-refused',
        'acme-payload-refusals',
        'acme-refetch-rate',
        'acme-bytes-per-second',
      ].sort(),
    );
  });

  it('tell the topic, of the end as well, and say what they mean', () => {
    for (const { AlarmName, AlarmActions, OKActions, AlarmDescription, TreatMissingData } of alarms) {
      expect([AlarmActions, OKActions], AlarmName).toEqual([[TOPIC], [TOPIC]]);
      expect(AlarmDescription.length, AlarmName).toBeGreaterThan(40);
      expect(TreatMissingData, AlarmName).toBe('notBreaching');
    }
  });

  it('go off at the first dead letter', () => {
    expect(alarm('archive-dead-letters')).toMatchObject({
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: 'acme-archive-dlq' }],
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      EvaluationPeriods: 1,
    });
  });

  it("name a rule as CloudWatch does: by its name, not by Ref's `bus|name`", () => {
    expect(alarm('archive-failed-invocations')).toMatchObject({
      MetricName: 'FailedInvocations',
      Dimensions: [
        { Name: 'EventBusName', Value: 'acme' },
        { Name: 'RuleName', Value: 'acme-archive' },
      ],
    });
    const { Dimensions } = alarm('upload-intake-failed-invocations');
    expect(Dimensions).toEqual([{ Name: 'RuleName', Value: expect.stringMatching(/^UploadsIntakeRule/) }]);
  });

  it("count what the URL service's log says", () => {
    for (const [name, outcome] of [
      ['UrlsGranted', 'granted'],
      ['ClaimChecksRefused', 'forbidden'],
    ])
      template.hasResourceProperties('AWS::Logs::MetricFilter', {
        FilterPattern: `{ $.outcome = "${outcome}" }`,
        MetricTransformations: [{ MetricName: name, MetricNamespace: 'Waybill/acme', MetricValue: '1' }],
      });
  });

  it('are a rate from a hundred on', () => {
    const metrics = alarm('payload-refusals').Metrics as { Expression?: string; MetricStat?: any }[];
    expect(metrics.find(({ Expression }) => Expression !== undefined)?.Expression).toBe(
      'IF(whole >= 100, 100 * FILL(part, 0) / whole, 0)',
    );
    const read = metrics.flatMap(({ MetricStat }) => MetricStat?.Metric.MetricName ?? []);
    expect(new Set(read)).toEqual(new Set(['4xxErrors', 'AllRequests']));
  });

  it('of a dozen consumers are within what an alarm can hold', () => {
    const consumers = Array.from({ length: 12 }, (_, n) => ({ name: `consumer-${n}`, types: ['x'] }));
    expect(() => synth({ topology: { ...TOPOLOGY, consumers } })).not.toThrow();
  });

  it('are left out, with the dashboard, on demand', () => {
    const quiet = synth({ withoutMonitoring: true }).template;
    quiet.resourceCountIs('AWS::CloudWatch::Alarm', 0);
    quiet.resourceCountIs('AWS::CloudWatch::Dashboard', 0);
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
  });
});
