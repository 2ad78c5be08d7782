import { RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { retentionOf, type WaybillFunction } from './function.ts';

export interface UploadApiProps {
  readonly tokens: { readonly issuer: string; readonly audience: string };
  readonly requestsPerSecond: number;
  readonly logDays?: number;
}

const { DELETE, GET, OPTIONS, POST } = apigateway.HttpMethod;
type Routes = readonly (readonly [path: string, methods: readonly apigateway.HttpMethod[]])[];

/** For owners of uploads: with a token only. */
const OWNED: Routes = [
  ['/uploads', [POST]],
  ['/uploads/{proxy+}', [GET, POST, DELETE]],
  ['/files', [GET]],
  ['/files/{proxy+}', [POST]],
  ['/links/{link}', [DELETE]],
];

/** For everybody: what a link leads to, what may be uploaded, and what browsers ask before they ask. */
const OPEN: Routes = [
  ['/d/{secret}', [GET, POST]],
  ['/types', [GET]],
  ['/openapi.json', [GET]],
  ['/healthz', [GET]],
  ['/{proxy+}', [OPTIONS]],
];

/** Not the path as it came: that of a link holds its secret. */
const LOG_FORMAT = AccessLogFormat.custom(
  JSON.stringify({
    time: '$context.requestTime',
    requestId: '$context.requestId',
    ip: '$context.identity.sourceIp',
    route: '$context.routeKey',
    status: '$context.status',
    error: '$context.authorizer.error',
    latencyMs: '$context.responseLatency',
  }),
);

/** An HTTP API with a JWT authorizer before everything that has an owner. The function checks tokens again. */
export class UploadApi extends Construct {
  readonly url: string;
  readonly #api: apigateway.HttpApi;
  readonly #tokens: UploadApiProps['tokens'];

  constructor(scope: Construct, id: string, props: UploadApiProps) {
    super(scope, id);
    const { requestsPerSecond, logDays = 90 } = props;
    this.#tokens = props.tokens;
    this.#api = new apigateway.HttpApi(this, 'Api', {
      description: 'Waybill: the upload service.',
      createDefaultStage: false,
    });
    this.url = this.#api.apiEndpoint;
    const accessLogs = new logs.LogGroup(this, 'Logs', {
      retention: retentionOf(logDays),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new apigateway.HttpStage(this, 'Stage', {
      httpApi: this.#api,
      autoDeploy: true,
      throttle: { rateLimit: requestsPerSecond, burstLimit: requestsPerSecond * 2 },
      accessLogSettings: {
        destination: new apigateway.LogGroupLogDestination(accessLogs),
        format: LOG_FORMAT,
      },
    });
  }

  /** Lets a function answer. */
  route(called: WaybillFunction): void {
    const integration = new HttpLambdaIntegration('Function', called.function);
    const authorizer = new HttpJwtAuthorizer('Tokens', this.#tokens.issuer, {
      jwtAudience: [this.#tokens.audience],
    });
    for (const [path, methods] of OWNED)
      this.#api.addRoutes({ path, methods: [...methods], integration, authorizer });
    for (const [path, methods] of OPEN)
      for (const route of this.#api.addRoutes({ path, methods: [...methods], integration }))
        acknowledge(
          route,
          'APIG4',
          path.startsWith('/d/')
            ? 'The secret in a link is what it takes; the link is counted, ends, and can be taken back.'
            : 'Shows nothing that belongs to anybody.',
        );
  }
}
