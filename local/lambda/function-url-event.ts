import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { parseRawQuery } from '../../shared/sigv4-encoding.ts';
import type { FunctionUrlEvent, FunctionUrlIdentity } from './types.ts';

/** Bodies of these types reach a function as text, others in base64. */
const TEXT_TYPE = /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded|[\w.-]+\+(json|xml))\b)/i;

/** A request as a function gets it, payload format 2.0. */
export function toFunctionUrlEvent(
  req: IncomingMessage,
  body: Buffer,
  identity: FunctionUrlIdentity | undefined,
  nowMs: number,
): FunctionUrlEvent {
  const { method = 'GET', headers } = req;
  const [rawPath = '/', rawQueryString = ''] = (req.url ?? '/').split(/\?(.*)/s, 2);
  const cookies = headers.cookie?.split(/;\s*/);
  const parameters = new Map<string, string>();
  for (const [name, value] of parseRawQuery(rawQueryString)) {
    const before = parameters.get(name);
    parameters.set(name, before === undefined ? value : `${before},${value}`);
  }
  const isText = headers['content-type'] === undefined || TEXT_TYPE.test(headers['content-type']);
  const domainName = headers.host ?? '127.0.0.1';
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(cookies === undefined ? {} : { cookies }),
    headers: plainHeaders(headers),
    ...(parameters.size === 0 ? {} : { queryStringParameters: Object.fromEntries(parameters) }),
    requestContext: {
      accountId: identity?.accountId ?? 'anonymous',
      apiId: 'local',
      authentication: null,
      ...(identity === undefined ? {} : { authorizer: { iam: identity } }),
      domainName,
      domainPrefix: 'local',
      http: {
        method,
        path: rawPath,
        protocol: `HTTP/${req.httpVersion}`,
        sourceIp: req.socket.remoteAddress ?? '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: logTime(nowMs),
      timeEpoch: nowMs,
    },
    ...(body.length === 0 ? {} : { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

/** The identity of an access key, whose user or role session has this ARN. */
export function toIdentity(accessKeyId: string, userArn: string): FunctionUrlIdentity {
  return {
    accessKey: accessKeyId,
    accountId: userArn.split(':')[4] ?? '',
    callerId: accessKeyId,
    cognitoIdentity: null,
    principalOrgId: null,
    userArn,
    userId: accessKeyId,
  };
}

function plainHeaders(headers: IncomingMessage['headers']): Record<string, string> {
  const given = Object.entries(headers).filter(([name]) => name !== 'cookie');
  return Object.fromEntries(
    given.map(([name, value = '']) => [name, Array.isArray(value) ? value.join(',') : value]),
  );
}

/** `22/Nov/2026:10:00:00 +0000` */
function logTime(nowMs: number): string {
  const [, day = '', month = '', year = '', time = ''] = new Date(nowMs).toUTCString().split(/,? /);
  return `${day}/${month}/${year}:${time} +0000`;
}
