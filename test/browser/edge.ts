import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import type { Deployed } from '../helpers/cloudformation.ts';
import { selfSigned } from './certificate.ts';

export interface EdgeOptions {
  /** The template whose distribution, bucket and API this is. */
  readonly deployed: Deployed;
  /** What is in the page's bucket, by key; what is not here is read from `dist/web`. */
  readonly objects: ReadonlyMap<string, string>;
  /** The API's function. */
  readonly api: (event: unknown) => Promise<{
    readonly statusCode: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }>;
  /** The issuer's keys, for the API's authorizer. */
  readonly keys: JSONWebKeySet;
  readonly nowMs: () => number;
  /** Changes a header's value, for what has another address here. */
  readonly here: (value: string) => string;
}

/** CloudFront and API Gateway, as far as a template tells them what to do. */
export interface Edge extends AsyncDisposable {
  readonly port: number;
  /** Requests that the API was sent, with their status: `POST /uploads 201`. */
  readonly asked: string[];
}

const DIST = new URL('../../dist/web/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { deployed, objects, api, nowMs, here } = options;
  const only = (type: string): any => deployed.ofType(type)[0]![1];
  const { DistributionConfig: distribution } = only('AWS::CloudFront::Distribution');
  const policy = only('AWS::CloudFront::ResponseHeadersPolicy').ResponseHeadersPolicyConfig;
  const { JwtConfiguration: jwt } = only('AWS::ApiGatewayV2::Authorizer');
  const routes = deployed.ofType('AWS::ApiGatewayV2::Route').map(([, route]) => ({
    pattern: new RegExp(`^${route.RouteKey.replace('{proxy+}', '.+').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    guarded: route.AuthorizationType === 'JWT',
  }));
  const keySet = createLocalJWKSet(options.keys);
  const asked: string[] = [];
  const headers = Object.fromEntries(
    Object.entries(headersOf(policy)).map(([name, value]) => [name, here(value)]),
  );

  const isLetIn = async (authorization = ''): Promise<boolean> => {
    const rules = { issuer: jwt.Issuer, audience: jwt.Audience, currentDate: new Date(nowMs()) };
    return await jwtVerify(authorization.replace('Bearer ', ''), keySet, rules).then(
      () => true,
      () => false,
    );
  };

  const callApi = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers: given } = request;
    const [path = '', query = ''] = url.split('?');
    const body = await buffer(request);
    const route = routes.find(({ pattern }) => pattern.test(`${method} ${path}`));
    const refused =
      route === undefined ? 404 : route.guarded && !(await isLetIn(given.authorization)) ? 401 : undefined;
    const answer =
      refused === undefined
        ? await api({
            version: '2.0',
            rawPath: path,
            rawQueryString: query,
            headers: given,
            body: body.toString('base64'),
            isBase64Encoded: true,
            requestContext: { http: { method, path } },
          })
        : { statusCode: refused, headers: {}, body: JSON.stringify({ message: 'Unauthorized' }) };
    asked.push(`${method} ${path} ${answer.statusCode}`);
    response.writeHead(answer.statusCode, { ...answer.headers, ...headers }).end(answer.body);
  };

  const readObject = async (key: string): Promise<Buffer | string | undefined> =>
    objects.get(key) ?? (await readFile(new URL(key, DIST)).catch(() => undefined));
  const sendObject = async (path: string, response: ServerResponse): Promise<void> => {
    const key = path === '/' ? distribution.DefaultRootObject : path.slice(1);
    const body = await readObject(key);
    if (body === undefined) return void response.writeHead(403, headers).end();
    response
      .writeHead(200, {
        'content-type': TYPES[extname(key)],
        'cache-control': cacheControlOf(deployed, key),
        ...headers,
      })
      .end(body);
  };

  const server = createServer(selfSigned(), (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const behaviour = (distribution.CacheBehaviors as any[]).find(({ PathPattern }) =>
      new RegExp(`^${PathPattern.replaceAll('*', '.*')}$`).test(path),
    );
    const { TargetOriginId, AllowedMethods = ['GET', 'HEAD'] } =
      behaviour ?? distribution.DefaultCacheBehavior;
    const origin = distribution.Origins.find(({ Id }: { Id: string }) => Id === TargetOriginId);
    if (!AllowedMethods.includes(request.method)) return void response.writeHead(403).end();
    const answered =
      origin.S3OriginConfig === undefined ? callApi(request, response) : sendObject(path, response);
    answered.catch((error: unknown) => {
      asked.push(String(error));
      response.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await Promise.resolve();
    },
  };
}

/** A response headers policy, as what it puts into answers. @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html */
function headersOf({ SecurityHeadersConfig: security, CustomHeadersConfig: custom }: any) {
  const { ContentSecurityPolicy, FrameOptions, ReferrerPolicy, StrictTransportSecurity } = security;
  return {
    'content-security-policy': ContentSecurityPolicy.ContentSecurityPolicy,
    'x-content-type-options': 'nosniff',
    'x-frame-options': FrameOptions.FrameOption,
    'referrer-policy': ReferrerPolicy.ReferrerPolicy,
    'strict-transport-security': `max-age=${StrictTransportSecurity.AccessControlMaxAgeSec}`,
    ...Object.fromEntries(
      custom.Items.map(({ Header, Value }: { Header: string; Value: string }) => [Header, Value]),
    ),
  } as Readonly<Record<string, string>>;
}

/** What the deployment that puts this file into the bucket says of it. */
function cacheControlOf(deployed: Deployed, key: string): string {
  const patterns = (globs: readonly string[] = []): RegExp[] =>
    globs.map((glob) => new RegExp(`^${glob.replaceAll('*', '.*')}$`));
  const deployment = deployed.ofType('Custom::CDKBucketDeployment').find(([, { Exclude, Include }]) => {
    const isOut = patterns(Exclude).some((each) => each.test(key));
    return !isOut || patterns(Include).some((each) => each.test(key));
  });
  return deployment![1].SystemMetadata['cache-control'];
}
