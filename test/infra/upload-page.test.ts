import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { ExchangeStack, type UploadPageSettings } from '../../infra/index.ts';
import type { TopologyInput } from '../../shared/topology.ts';
import { deploy, type CloudFormation } from '../helpers/cloudformation.ts';
import { deployedJson } from '../helpers/deployed-json.ts';
import { UPLOADS } from './everything.ts';
import { synth, TOPOLOGY } from './synth.ts';

const PLACE = { account: '123456789012', region: 'eu-central-1' };

function page(settings: Partial<UploadPageSettings> = {}, topology: TopologyInput = TOPOLOGY) {
  const uploads = { ...UPLOADS, page: { clientId: 'waybill-page', ...settings } };
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  const stack = new ExchangeStack(app, 'Exchange', { topology, uploads });
  const template = Template.fromStack(stack);
  const deployed = deploy(template.toJSON() as CloudFormation, PLACE);
  const { DistributionConfig: distribution } = deployed.ofType('AWS::CloudFront::Distribution')[0]![1];
  const { SecurityHeadersConfig: headers, CustomHeadersConfig: others } = deployed.ofType(
    'AWS::CloudFront::ResponseHeadersPolicy',
  )[0]![1].ResponseHeadersPolicyConfig;
  return { app, template, deployed, distribution, headers, others };
}
const OWN_NAME = {
  domainName: 'upload.example.com',
  certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/abc',
};
const { app, template, deployed, distribution, headers, others } = page();
const bucketId = deployed.only('AWS::S3::Bucket', 'UploadPageBucket');
const payloads = (of = deployed) => of.resources[of.only('AWS::S3::Bucket', 'PayloadsBucket')]!.Properties;
const connections = (policy: string) => /connect-src ([^;]*)/.exec(policy)?.[1]?.split(' ');

describe('the upload page', () => {
  it('is in a private bucket, which this distribution reads, over TLS, and nobody else', () => {
    expect(deployed.resources[bucketId]!.Properties).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LoggingConfiguration: { LogFilePrefix: 'page/' },
    });
    const [, { PolicyDocument }] = deployed
      .ofType('AWS::S3::BucketPolicy')
      .find(([, { Bucket }]) => Bucket === deployed.name(bucketId))!;
    const allowed = PolicyDocument.Statement.filter(({ Effect }: { Effect: string }) => Effect === 'Allow');
    expect(allowed).toEqual([
      {
        Effect: 'Allow',
        Action: 's3:GetObject',
        Principal: { Service: 'cloudfront.amazonaws.com' },
        Resource: `${deployed.arn(bucketId)}/*`,
        Condition: {
          StringEquals: {
            'AWS:SourceArn': `arn:aws:cloudfront::123456789012:distribution/${deployed.only('AWS::CloudFront::Distribution', 'UploadPage')}`,
          },
        },
      },
    ]);
    template.hasResourceProperties('AWS::CloudFront::OriginAccessControl', {
      OriginAccessControlConfig: { SigningBehavior: 'always', SigningProtocol: 'sigv4' },
    });
  });

  it('says what it may do: its own, the store, the issuer; and on https only', () => {
    expect(headers.ContentSecurityPolicy).toEqual({
      Override: true,
      ContentSecurityPolicy:
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
        "connect-src 'self' https://*.s3.eu-central-1.amazonaws.com https://login.example.com; " +
        "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    });
    expect(headers).toMatchObject({
      ContentTypeOptions: { Override: true },
      FrameOptions: { FrameOption: 'DENY', Override: true },
      ReferrerPolicy: { ReferrerPolicy: 'no-referrer', Override: true },
      StrictTransportSecurity: { AccessControlMaxAgeSec: 31_536_000, Override: true },
    });
    expect(others.Items.map(({ Header, Value }: any) => [Header, Value])).toEqual([
      ['cross-origin-opener-policy', 'same-origin'],
      ['cross-origin-resource-policy', 'same-origin'],
    ]);
    for (const behaviour of [distribution.DefaultCacheBehavior, ...distribution.CacheBehaviors])
      expect(behaviour.ResponseHeadersPolicyId).toBe(
        deployed.name(deployed.only('AWS::CloudFront::ResponseHeadersPolicy', 'UploadPage')),
      );
    expect(distribution.DefaultCacheBehavior.ViewerProtocolPolicy).toBe('redirect-to-https');
  });

  it.each<[string, ReturnType<typeof page>, string]>([
    [
      'the bucket was named',
      page({}, { ...TOPOLOGY, buckets: { payloads: 'acme-payloads' } }),
      'acme-payloads.',
    ],
    ['its name has a dot', page({}, { ...TOPOLOGY, buckets: { payloads: 'acme.payloads' } }), ''],
    ['the page has a name', page(OWN_NAME), 'payloadsbucket1715615a.'],
  ])('sends bytes to one bucket alone if %s', (_what, { headers }, bucket) => {
    expect(connections(headers.ContentSecurityPolicy.ContentSecurityPolicy)).toEqual([
      "'self'",
      `https://${bucket}s3.eu-central-1.amazonaws.com`,
      'https://login.example.com',
    ]);
  });

  it('asks the API under its own address, past all caches, with whatever method and token; not for links', () => {
    const paths = distribution.CacheBehaviors.map(({ PathPattern }: any) => PathPattern);
    expect(paths).toEqual(['/uploads*', '/files*', '/types']);
    const [api] = deployed.ofType('AWS::ApiGatewayV2::Api')[0]!;
    for (const behaviour of distribution.CacheBehaviors) {
      expect(behaviour).toMatchObject({
        // AWS's own: CachingDisabled, AllViewerExceptHostHeader
        CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
        OriginRequestPolicyId: 'b689b0a8-53d0-40ab-baf2-68738e2966ac',
        ViewerProtocolPolicy: 'https-only',
        AllowedMethods: expect.arrayContaining(['GET', 'POST', 'DELETE']),
      });
      const origin = distribution.Origins.find(({ Id }: any) => Id === behaviour.TargetOriginId);
      expect(origin.DomainName).toBe(`${api.toLowerCase()}.execute-api.eu-central-1.amazonaws.com`);
      expect(origin.CustomOriginConfig.OriginProtocolPolicy).toBe('https-only');
    }
    expect(distribution.DefaultRootObject).toBe('index.html');
    expect(distribution.Logging).toBeUndefined();
  });

  it('may upload: the payload bucket answers its origin as well as those of the topology', () => {
    const allowed = payloads().CorsConfiguration.CorsRules.map(({ AllowedOrigins }: any) => AllowedOrigins);
    const host = `${deployed.only('AWS::CloudFront::Distribution', 'UploadPage').toLowerCase()}.cloudfront.net`;
    expect(allowed).toEqual([['https://app.example.com'], [`https://${host}`]]);
    expect(deployed.outputs['UploadPageUrl']).toBe(`https://${host}/`);
    const named = page(OWN_NAME);
    expect(payloads(named.deployed).CorsConfiguration.CorsRules[1].AllowedOrigins).toEqual([
      'https://upload.example.com',
    ]);
    expect(named.deployed.outputs['UploadPageUrl']).toBe('https://upload.example.com/');
    expect(named.distribution).toMatchObject({
      Aliases: ['upload.example.com'],
      ViewerCertificate: { MinimumProtocolVersion: 'TLSv1.2_2021', SslSupportMethod: 'sni-only' },
    });
  });

  it('gets its hashed files first, for ever, then those that name them, for now; none is taken away', () => {
    const [first, second] = ['UploadPageHashed', 'UploadPageNamed'].map(
      (id) => deployed.resources[deployed.only('Custom::CDKBucketDeployment', id)]!,
    );
    expect(first!.Properties).toMatchObject({
      Exclude: ['*'],
      Include: ['assets/*'],
      SystemMetadata: { 'cache-control': 'public, max-age=31536000, immutable' },
      Prune: false,
    });
    expect(second!.Properties).toMatchObject({
      Exclude: ['assets/*'],
      SystemMetadata: { 'cache-control': 'no-cache' },
      Prune: false,
    });
    expect(second!['DependsOn']).toEqual(
      expect.arrayContaining([expect.stringMatching(/^UploadPageHashed.*CustomResource/)]),
    );
  });

  it('is told where to sign in, and where the bytes go', async () => {
    const config = JSON.parse((await deployedJson(deployed, app.synth().directory, 'config.json')) ?? '');
    expect(config).toEqual({
      server: 'deployed',
      store: 'https://payloadsbucket1715615a.s3.eu-central-1.amazonaws.com',
      signIn: {
        issuer: 'https://login.example.com',
        clientId: 'waybill-page',
        scopes: ['openid', 'email', 'profile'],
        token: 'access',
        parameters: {},
      },
    });
  });

  it('is not there unless asked for, and then nothing is as it would not be', () => {
    const { page: _page, ...uploads } = UPLOADS;
    const plain = synth({ uploads }).json;
    const types = Object.values(plain.Resources).map(({ Type }) => Type);
    expect(types.filter((type) => /CloudFront|Custom::/.test(type))).toEqual([]);
    expect(payloads(deploy(plain, PLACE)).CorsConfiguration.CorsRules).toHaveLength(1);
    const withPage = template.toJSON() as CloudFormation;
    const changed = Object.keys(plain.Resources).filter(
      (id) => JSON.stringify(plain.Resources[id]) !== JSON.stringify(withPage.Resources[id]),
    );
    expect(changed.map((id) => plain.Resources[id]!.Type).sort()).toEqual([
      'AWS::S3::Bucket', // CORS
      'AWS::S3::BucketPolicy', // of the access logs
    ]);
  });

  it.each<[Partial<UploadPageSettings>, string]>([
    [{ clientId: '' }, 'uploads.page.clientId: got "", expected'],
    [{ domainName: 'upload.example.com' }, 'uploads.page: got domainName alone, expected domainName and'],
    [
      { ...OWN_NAME, certificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/abc' },
      'expected one of ACM in us-east-1',
    ],
    [
      { issuerOrigins: ['https://a.example/path'] },
      'uploads.page.issuerOrigins.0: got https://a.example/path',
    ],
    [{ token: 'refresh' as 'id' }, "uploads.page.token: got refresh, expected 'access' or 'id'"],
  ])('refuses %j', (settings, said) => {
    expect(() => page(settings)).toThrow(said);
  });

  it('refuses an issuer that cannot be reached by https', () => {
    const tokens = { ...UPLOADS.tokens, issuer: 'http://login.example.com' };
    expect(() => synth({ uploads: { ...UPLOADS, tokens } })).toThrow(
      'uploads.tokens.issuer: got http://login.example.com, expected an https URL for uploads.page',
    );
  });
});
