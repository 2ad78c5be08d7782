import { Duration, Fn, Stack, Token } from 'aws-cdk-lib';
import * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as deployment from 'aws-cdk-lib/aws-s3-deployment';
import { Construct } from 'constructs';
import type { DeployedPageConfig } from '../shared/page-config.ts';
import { show } from '../shared/options.ts';
import { ISOLATION_HEADERS, PAGE_CACHE, pageContentPolicy } from '../shared/page-policy.ts';
import type { AccessLogs } from './access-logs.ts';
import { acknowledge } from './acknowledge.ts';
import { pageFiles } from './page-files.ts';
import { PageFilesRole } from './page-files-role.ts';
import type { PayloadBucket } from './payload-bucket.ts';
import { PRIVATE_BUCKET } from './private-bucket.ts';

/** How people sign in to the page, and where it lives. */
export interface UploadPageSettings {
  /** What the issuer knows the page as: a public client with the page's address as its redirect URI. */
  readonly clientId: string;
  /** @default ['openid', 'email', 'profile'] */
  readonly scopes?: readonly string[];
  /** Which of the issuer's tokens carries the audience of `tokens`. @default 'access' */
  readonly token?: 'access' | 'id';
  /** Further parameters of the authorization request, such as `audience` or `resource`. @default - none */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Origins that the issuer answers at, if its token endpoint has another than the issuer itself. @default - the issuer's */
  readonly issuerOrigins?: readonly string[];
  /** A name of your own; its DNS record shall lead to the distribution. @default - CloudFront makes one up */
  readonly domainName?: string;
  /** ARN of the certificate for it, in us-east-1. */
  readonly certificateArn?: string;
}

export interface UploadPageProps extends UploadPageSettings {
  readonly payloads: PayloadBucket;
  /** The payload bucket's name, if it has one of your choice. @default - CloudFormation makes one up */
  readonly payloadBucketName?: string;
  /** Address of the upload service's API. */
  readonly apiUrl: string;
  /** Whose tokens the upload service takes, an https URL. */
  readonly issuer: string;
  /** Where access logs go, under `page/`. */
  readonly accessLogs: AccessLogs;
  /** Days that logs are kept. @default 90 */
  readonly logDays?: number;
}

/** What the page asks the upload service; not `/d/`: the secrets of links must not pass by here. */
const API_PATHS = ['/uploads*', '/files*', '/types'];
/** How long browsers insist on https, in days. */
const HTTPS_DAYS = 365;

/**
 * The page for people who upload: its files in a private bucket behind CloudFront, and beside them, under the same
 * address, what it asks the upload service, so that both are one origin. People sign in at the issuer whose tokens the
 * service takes.
 *
 * Cost: about $1 per million requests; the page itself has about 130 KB, compressed.
 *
 * @throws {TypeError} naming the setting that is wrong
 */
export class UploadPage extends Construct {
  readonly bucket: s3.IBucket;
  readonly distribution: cloudfront.Distribution;
  /** Where people open it; also the redirect URI that the issuer must know. */
  readonly url: string;

  constructor(scope: Construct, id: string, props: UploadPageProps) {
    super(scope, id);
    const { payloads, domainName } = props;
    checkSettings(props);
    const bucket = new s3.Bucket(this, 'Bucket', PRIVATE_BUCKET);
    props.accessLogs.logAccessTo(bucket, 'page/');
    this.bucket = bucket as s3.IBucket; // CDK's types do not fit with `exactOptionalPropertyTypes`
    this.distribution = this.#distribute(props);
    const host = domainName ?? this.distribution.distributionDomainName;
    this.url = `https://${host}/`;
    payloads.allowOrigin(`https://${host}`);
    this.#deploy(props);
  }

  #distribute(props: UploadPageProps): cloudfront.Distribution {
    const { domainName, certificateArn } = props;
    const common = {
      cachePolicy: cloudfront.CachePolicy.CACHING_OPTIMIZED,
      responseHeadersPolicy: this.#headers(props),
    };
    const api: cloudfront.BehaviorOptions = {
      ...common,
      origin: new origins.HttpOrigin(Fn.parseDomainName(props.apiUrl), {
        protocolPolicy: cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
      }),
      allowedMethods: cloudfront.AllowedMethods.ALLOW_ALL,
      viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
      cachePolicy: cloudfront.CachePolicy.CACHING_DISABLED,
      originRequestPolicy: cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
    };
    const distribution = new cloudfront.Distribution(this, 'Distribution', {
      comment: 'Waybill: the upload page.',
      defaultRootObject: 'index.html',
      httpVersion: cloudfront.HttpVersion.HTTP2_AND_3,
      defaultBehavior: {
        ...common,
        origin: origins.S3BucketOrigin.withOriginAccessControl(this.bucket),
        viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
      },
      additionalBehaviors: Object.fromEntries(API_PATHS.map((path) => [path, api])),
      ...(domainName === undefined || certificateArn === undefined
        ? {}
        : {
            domainNames: [domainName],
            minimumProtocolVersion: cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            certificate: acm.Certificate.fromCertificateArn(this, 'Certificate', certificateArn),
          }),
    });
    acknowledge(distribution, 'CFR1', 'Who may upload is said by tokens, wherever they are.');
    acknowledge(distribution, 'CFR2', 'The API throttles, and demands a token before anything is done.');
    acknowledge(
      distribution,
      'CFR3',
      'Its log would hold the codes of sign-ins; S3 logs who read the page, the API who called it.',
    );
    if (domainName === undefined)
      acknowledge(distribution, 'CFR4', 'With the certificate of CloudFront itself there is no choice.');
    return distribution;
  }

  #headers(props: UploadPageProps): cloudfront.ResponseHeadersPolicy {
    const { issuer, issuerOrigins = [new URL(issuer).origin] } = props;
    return new cloudfront.ResponseHeadersPolicy(this, 'Headers', {
      comment: 'Waybill: what the upload page may do.',
      securityHeadersBehavior: {
        contentSecurityPolicy: {
          contentSecurityPolicy: pageContentPolicy([this.#storesAllowed(props), ...issuerOrigins]),
          override: true,
        },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: cloudfront.HeadersFrameOption.DENY, override: true },
        referrerPolicy: {
          referrerPolicy: cloudfront.HeadersReferrerPolicy.NO_REFERRER,
          override: true,
        },
        strictTransportSecurity: { accessControlMaxAge: Duration.days(HTTPS_DAYS), override: true },
      },
      customHeadersBehavior: {
        customHeaders: Object.entries(ISOLATION_HEADERS).map(([header, value]) => ({
          header,
          value,
          override: true,
        })),
      },
    });
  }

  /**
   * Where the page may send bytes. The bucket's CORS rules name the distribution, so that its headers cannot name the
   * bucket, unless either has a name that is known before: then it is any bucket of the region.
   */
  #storesAllowed({ payloads, payloadBucketName, domainName }: UploadPageProps): string {
    const known = domainName === undefined ? payloadBucketName : payloads.bucket.bucketName;
    return this.#storeOrigin(known ?? '*', payloadBucketName);
  }

  /** As presigned URLs have it: a name with a dot stands in the path. @see resolveStore of shared/stores.ts */
  #storeOrigin(bucket: string, chosenName: string | undefined): string {
    const { region, urlSuffix } = Stack.of(this);
    return `https://${chosenName?.includes('.') === true ? '' : `${bucket}.`}s3.${region}.${urlSuffix}`;
  }

  /** Hashed files first, and older ones stay: no page that is open, and none that comes, misses one of its own. */
  #deploy(props: UploadPageProps): void {
    const { payloads, payloadBucketName, issuer, clientId, logDays = 90 } = props;
    const { scopes = ['openid', 'email', 'profile'], token = 'access', parameters = {} } = props;
    const asset = pageFiles(this, 'Asset');
    const role = new PageFilesRole(this, 'Files', { bucket: this.bucket, assets: asset.bucket, logDays });
    const files = deployment.Source.bucket(asset.bucket, asset.s3ObjectKey);
    const common = {
      destinationBucket: this.bucket,
      prune: false,
      outputObjectKeys: false,
      role: role.role.withoutPolicyUpdates(),
      logGroup: role.logGroup,
    };
    const config: DeployedPageConfig = {
      server: 'deployed',
      store: this.#storeOrigin(payloads.bucket.bucketName, payloadBucketName),
      signIn: { issuer, clientId, scopes, token, parameters },
    };
    const hashed = new deployment.BucketDeployment(this, 'Hashed', {
      ...common,
      sources: [files],
      exclude: ['*'],
      include: ['assets/*'],
      cacheControl: [deployment.CacheControl.fromString(PAGE_CACHE.hashed)],
    });
    const named = new deployment.BucketDeployment(this, 'Named', {
      ...common,
      sources: [files, deployment.Source.jsonData('config.json', config)],
      exclude: ['assets/*'],
      cacheControl: [deployment.CacheControl.fromString(PAGE_CACHE.named)],
    });
    for (const each of [hashed, named]) each.node.addDependency(role);
    named.node.addDependency(hashed);
    for (const child of Stack.of(this).node.children)
      if (child.node.id.startsWith('Custom::CDKBucketDeployment'))
        acknowledge(child, 'L1', "CDK's own function; its runtime is the one that CDK tests it with.");
  }
}

function checkSettings(props: UploadPageProps): void {
  const { clientId, token = 'access', issuer, issuerOrigins = [], domainName, certificateArn } = props;
  if (typeof clientId !== 'string' || clientId === '')
    throw new TypeError(
      `uploads.page.clientId: got ${show(clientId)}, expected what the issuer knows the page as`,
    );
  if (!['access', 'id'].includes(token))
    throw new TypeError(`uploads.page.token: got ${token}, expected 'access' or 'id'`);
  if (Token.isUnresolved(issuer) || !URL.canParse(issuer) || new URL(issuer).protocol !== 'https:')
    throw new TypeError(`uploads.tokens.issuer: got ${issuer}, expected an https URL for uploads.page`);
  for (const [index, origin] of issuerOrigins.entries())
    if (!URL.canParse(origin) || new URL(origin).origin !== origin || !origin.startsWith('https:'))
      throw new TypeError(
        `uploads.page.issuerOrigins.${index}: got ${origin}, expected an origin such as https://login.example.com`,
      );
  if ((domainName === undefined) !== (certificateArn === undefined))
    throw new TypeError(
      `uploads.page: got ${domainName === undefined ? 'certificateArn' : 'domainName'} alone, expected domainName and certificateArn`,
    );
  if (certificateArn !== undefined && !/^arn:[\w-]+:acm:us-east-1:/.test(certificateArn))
    throw new TypeError(
      `uploads.page.certificateArn: got ${certificateArn}, expected one of ACM in us-east-1, where CloudFront looks for it`,
    );
}
