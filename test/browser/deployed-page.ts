import { GetObjectCommand, PutBucketCorsCommand, S3Client } from '@aws-sdk/client-s3';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { ExchangeStack } from '../../infra/index.ts';
import { readLocalTemplate, startLocal, type LocalStack } from '../../local/index.ts';
import { uploadHttpFunction, uploadIntakeFunction } from '../../producers/upload-service/functions.ts';
import { generateProducerKey, serialiseSigningKey } from '../../shared/claim-check.ts';
import { deploy, type CloudFormation } from '../helpers/cloudformation.ts';
import { deployedJson } from '../helpers/deployed-json.ts';
import { startSecretsManager } from '../infra/secrets-manager.ts';
import { startEdge, type Edge } from './edge.ts';
import { startOpenIdProvider, type OpenIdProvider } from './openid-provider.ts';

export const PAGE = 'https://upload.example.com';
export const ISSUER = 'https://login.example.com';
const CLIENT = 'waybill-page';
const AUDIENCE = 'waybill-uploads';
/** Where `readLocalTemplate` takes itself to be. */
const PLACE = { account: '000000000000', region: 'us-east-1' };
const FUNCTIONS = { accessKeyId: 'functions', secretAccessKey: 'secret-of-functions' };

/** The page as it is deployed: the template's distribution, API, buckets and functions, on this machine. */
export interface DeployedPage extends AsyncDisposable {
  readonly local: LocalStack;
  readonly edge: Edge;
  readonly provider: OpenIdProvider;
  /** For Chromium: where the two names are. */
  readonly hostRules: string;
  /** Lets all tokens given so far expire. */
  expire(): void;
  /** Payloads of the events that uploads became, oldest first. */
  published(): Promise<readonly { readonly type: string; readonly bytes: Buffer }[]>;
}

/** The exchange of this test, synthesized. */
function synthesize(): { readonly template: CloudFormation; readonly assembly: string } {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  const stack = new ExchangeStack(app, 'Exchange', {
    topology: { name: 'acme', consumers: [{ name: 'archive', types: '*' }] },
    uploads: {
      policy: { types: { 'film.uploaded': { mediaTypes: ['*'], maxSizeBytes: 1024 ** 3 } } },
      tokens: { issuer: ISSUER, audience: AUDIENCE, keysUrl: `${ISSUER}/keys` },
      page: {
        clientId: CLIENT,
        domainName: new URL(PAGE).host,
        certificateArn: 'arn:aws:acm:us-east-1:000000000000:certificate/0',
      },
    },
    withoutMonitoring: true,
  });
  const template = Template.fromStack(stack).toJSON() as CloudFormation;
  return { template, assembly: app.synth().directory };
}

export async function startDeployedPage(): Promise<DeployedPage> {
  const { template, assembly } = synthesize();
  const deployed = deploy(template, PLACE);
  const read = readLocalTemplate(template, PLACE.region);
  // One process has one set of credentials: they have the rights of both functions' roles, and nothing else.
  const [opens, takes] = ['UploadsHttp', 'UploadsIntake'].map((prefix) => {
    const { roleArn } = read.functionOf(prefix);
    return read.roles.find(({ arn }) => arn === roleArn)!.identity(FUNCTIONS);
  });
  const local = await startLocal({
    ...read.options,
    identities: [
      { accessKeyId: 'admin', secretAccessKey: 'secret-of-admin', name: 'admin' },
      { ...takes!, policies: [...(opens!.policies ?? []), ...(takes!.policies ?? [])] },
    ],
  });
  const secrets = await startSecretsManager();
  let offsetMs = 0;
  const nowMs = (): number => Date.now() + offsetMs;
  const provider = await startOpenIdProvider({
    issuer: ISSUER,
    clientId: CLIENT,
    redirectUri: `${PAGE}/`,
    audience: AUDIENCE,
    nowMs,
  });

  // The store has another address here, and so have the issuer's keys; all else is as the template says.
  const bucket = deployed.name(deployed.only('AWS::S3::Bucket', 'PayloadsBucket'));
  const onAws = `https://${bucket}.s3.${PLACE.region}.amazonaws.com`;
  const here = (value: string): string => value.replaceAll(onAws, local.endpoint);
  const place = { endpoint: local.endpoint, pathStyle: true };
  const credentials = {
    AWS_ACCESS_KEY_ID: FUNCTIONS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: FUNCTIONS.secretAccessKey,
  };
  Object.assign(process.env, credentials);
  const variablesOf = (prefix: string): Record<string, string> => {
    const { variables } = read.functionOf(prefix);
    const stores = JSON.parse(variables['WAYBILL_STORES'] ?? '');
    const control = JSON.parse(variables['WAYBILL_CONTROL'] ?? '');
    return {
      ...variables,
      WAYBILL_STORES: JSON.stringify({ payloads: { ...stores.payloads, ...place } }),
      WAYBILL_CONTROL: JSON.stringify({ ...control, ...place }),
      WAYBILL_LOG_LEVEL: 'silent',
      AWS_REGION: PLACE.region,
      ...credentials,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
      AWS_ENDPOINT_URL_EVENTBRIDGE: local.endpoint,
    };
  };
  const http = variablesOf('UploadsHttp');
  const tokens = { ...JSON.parse(http['WAYBILL_TOKENS'] ?? ''), keysUrl: provider.keysUrl };
  const api = uploadHttpFunction({ ...http, WAYBILL_TOKENS: JSON.stringify(tokens) });

  const intake = variablesOf('UploadsIntake');
  const { signingKey } = generateProducerKey({ issuer: 'uploads' });
  secrets.put(intake['WAYBILL_SIGNING_KEY_SECRET'] ?? '', 'v1', serialiseSigningKey(signingKey));
  const queue = deployed.name(deployed.only('AWS::SQS::Queue', 'UploadsIntakeQueue'));
  const hook = local.onQueue(queue, uploadIntakeFunction(intake), { reportBatchItemFailures: true });

  const s3 = new S3Client(local.clientOptions());
  const { CorsRules } =
    deployed.resources[deployed.only('AWS::S3::Bucket', 'PayloadsBucket')]!.Properties.CorsConfiguration;
  await s3.send(
    new PutBucketCorsCommand({
      Bucket: bucket,
      CORSConfiguration: {
        CORSRules: CorsRules.map(({ ExposedHeaders: ExposeHeaders, MaxAge, Id: ID, ...rule }: any) => ({
          ...rule,
          ID,
          ExposeHeaders,
          MaxAgeSeconds: MaxAge,
        })),
      },
    }),
  );

  const config = await deployedJson(deployed, assembly, 'config.json');
  const edge = await startEdge({
    deployed,
    objects: new Map([['config.json', here(config ?? '')]]),
    api,
    keys: { keys: [...provider.keys] },
    nowMs,
    here,
  });
  return {
    local,
    edge,
    provider,
    hostRules: [
      `MAP ${new URL(PAGE).host}:443 127.0.0.1:${edge.port}`,
      `MAP ${new URL(ISSUER).host}:443 127.0.0.1:${provider.port}`,
    ].join(', '),
    expire: () => void (offsetMs += 2 * 3_600_000),
    async published() {
      const events = local.spy
        .records('event')
        .filter(({ bus, source }) => bus === 'acme' && source === 'uploads');
      return await Promise.all(
        events.map(async (event) => {
          const { type, data } = event.detail() as any;
          const [{ key: Key, versionId: VersionId }] = data.attachments;
          const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key, VersionId }));
          return { type, bytes: Buffer.from(await Body!.transformToByteArray()) };
        }),
      );
    },
    async [Symbol.asyncDispose]() {
      s3.destroy();
      await edge[Symbol.asyncDispose]();
      await hook.stop();
      await provider[Symbol.asyncDispose]();
      await secrets[Symbol.asyncDispose]();
      await local.close();
    },
  };
}
