import { Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { PRODUCER_KEYS_KEY } from '../shared/claim-check-keys.ts';
import { PAYLOAD_PREFIX, UPLOAD_PREFIX } from '../shared/topology.ts';
import { allow } from './allow.ts';
import { entryOf } from './bundle.ts';
import { allowKey, type ControlBucket } from './control-bucket.ts';
import { retentionOf, WaybillFunction } from './function.ts';
import type { PayloadBucket } from './payload-bucket.ts';
import { storesJson } from './stores-json.ts';

/** Most characters that Lambda takes for all variables of a function. @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_ENVIRONMENT = 4_096;

export interface UrlServiceProps {
  readonly payloads: PayloadBucket;
  readonly control: ControlBucket;
  /** Life of the URLs, in seconds; no longer than the bucket's `urlMaxAgeSeconds`. @default 900 */
  readonly urlTtlSeconds?: number;
  /** Most instances at once: what a flood can cost, and take from others. `false` leaves it to the account. @default 50 */
  readonly reservedConcurrency?: number | false;
  /** Claim checks a second that one caller may present to one instance. @default 100 */
  readonly callsPerSecond?: number;
  /** Days that logs are kept. @default 90 */
  readonly logDays?: number;
}

/** Somebody who may call, and what for. */
export interface UrlServiceCaller {
  /** The consumer's name. */
  readonly caller: string;
  readonly types: '*' | readonly string[];
  readonly prefixes: readonly string[];
}

/** Where the tokens of partners come from. */
export interface PartnerAccess {
  /** Issuer of the tokens, an https URL with OpenID Connect discovery. */
  readonly issuer: string;
  /** Audiences that tokens must name one of. */
  readonly audience: readonly string[];
  /** Clients by the `client_id` of their tokens. */
  readonly clients: Readonly<Record<string, UrlServiceCaller>>;
  /** Requests a second that partners may make together. @default 50 */
  readonly requestsPerSecond?: number;
}

/**
 * The URL service: a function behind a function URL that demands an AWS identity. Partners without one get an HTTP API
 * that demands a token.
 *
 * It holds public keys only, reads tags and signs; its role may read payloads, for URLs have their signer's rights.
 *
 * Cost: $0.20 per million calls and about $0.10 of duration; only consumers whose URL expired call it.
 */
export class UrlService extends Construct {
  readonly function: WaybillFunction;
  readonly url: lambda.FunctionUrl;
  readonly #callers: (UrlServiceCaller & ({ readonly arn: string } | { readonly clientId: string }))[] = [];

  constructor(scope: Construct, id: string, props: UrlServiceProps) {
    super(scope, id);
    const { payloads, control, reservedConcurrency = 50 } = props;
    const { region } = Stack.of(this);
    this.function = new WaybillFunction(this, 'Service', {
      description: 'Waybill: turns claim checks into fresh URLs.',
      entry: entryOf('producers/url-service/function-entry'),
      timeoutSeconds: 20,
      reservedConcurrency: reservedConcurrency === false ? undefined : reservedConcurrency,
      ...(props.logDays === undefined ? {} : { logDays: props.logDays }),
      environment: {
        WAYBILL_STORES: storesJson(payloads),
        WAYBILL_PRODUCER_KEYS: Stack.of(this).toJsonString({
          bucket: control.bucket.bucketName,
          region,
          key: PRODUCER_KEYS_KEY,
        }),
        WAYBILL_CALLERS: Lazy.string({ produce: () => Stack.of(this).toJsonString(this.#callers) }),
        WAYBILL_URL_TTL_SECONDS: String(props.urlTtlSeconds ?? 900),
        WAYBILL_CALLS_PER_SECOND: String(props.callsPerSecond ?? 100),
      },
    });
    const { role } = this.function;
    const objects = [PAYLOAD_PREFIX, UPLOAD_PREFIX].map((prefix) => payloads.objectsUnder(prefix));
    allow(role, {
      sid: 'SignUrls',
      actions: ['s3:GetObjectVersion', 's3:GetObjectVersionTagging'],
      resources: objects,
      because: 'Its URLs lead to any payload; who gets one, the claim check and the table of callers decide.',
    });
    allow(role, {
      // Without it S3 answers 403, not 404, for a payload that is gone. It has no condition: none would hold there.
      sid: 'KnowWhatIsGone',
      actions: ['s3:ListBucket'],
      resources: [payloads.bucket.bucketArn],
    });
    allowKey(role, payloads.encryptionKey, payloads.bucket, ['kms:Decrypt']);
    allow(role, {
      sid: 'PublicKeys',
      actions: ['s3:GetObject'],
      resources: [control.bucket.arnForObjects(PRODUCER_KEYS_KEY)],
    });
    control.allowDecrypt(role);
    this.url = this.function.function.addFunctionUrl({ authType: lambda.FunctionUrlAuthType.AWS_IAM });
    this.node.addValidation({ validate: () => this.#checkEnvironment() });
  }

  /** Lets a role call, for payloads of these types under these prefixes. */
  addCaller(caller: UrlServiceCaller & { readonly role: iam.IRole }): void {
    const { role, ...rest } = caller;
    this.#callers.push({ arn: role.roleArn, ...rest });
    const functionArn = this.function.function.functionArn;
    allow(role, {
      sid: 'CallUrlService',
      actions: ['lambda:InvokeFunctionUrl'],
      resources: [functionArn],
      conditions: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } },
    });
    allow(role, {
      // The second right that a function URL asks for since October 2025.
      sid: 'ThroughItsUrl',
      actions: ['lambda:InvokeFunction'],
      resources: [functionArn],
      conditions: { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
    });
  }

  /**
   * Opens the service to partners without an AWS identity, by their own tokens.
   * @returns the address that they call
   */
  addPartners(partners: PartnerAccess): string {
    for (const [clientId, client] of Object.entries(partners.clients))
      this.#callers.push({ clientId, ...client });
    const api = new apigateway.HttpApi(this, 'Partners', {
      description: 'Waybill: the URL service for partners, by token.',
      createDefaultStage: false,
    });
    const authorizer = new HttpJwtAuthorizer('Tokens', partners.issuer, {
      jwtAudience: [...partners.audience],
    });
    api.addRoutes({
      path: '/redeem',
      methods: [apigateway.HttpMethod.POST],
      integration: new HttpLambdaIntegration('Service', this.function.function),
      authorizer,
    });
    const accessLogs = new logs.LogGroup(this, 'PartnerLogs', {
      retention: retentionOf(90),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const { requestsPerSecond = 50 } = partners;
    const stage = new apigateway.HttpStage(this, 'Stage', {
      httpApi: api,
      autoDeploy: true,
      throttle: { rateLimit: requestsPerSecond, burstLimit: requestsPerSecond * 2 },
      accessLogSettings: { destination: new apigateway.LogGroupLogDestination(accessLogs) },
    });
    return stage.url;
  }

  /** All variables of a function share 4 KB; what is not yet known counts about as much as an ARN does. */
  #checkEnvironment(): string[] {
    const perCaller = this.#callers.map((caller) => JSON.stringify(caller).length);
    const size = 900 + perCaller.reduce((sum, length) => sum + length, 0);
    if (size <= MAX_ENVIRONMENT) return [];
    return [
      `UrlService: the table of ${this.#callers.length} callers takes about ${size} bytes of the ${MAX_ENVIRONMENT} that Lambda allows; use fewer prefixes and types per caller, or a second UrlService`,
    ];
  }
}
