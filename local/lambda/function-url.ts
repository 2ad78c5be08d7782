import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import { show } from '../../shared/options.ts';
import { verifySigV4 } from '../../shared/sigv4.ts';
import type { LocalIdentity } from '../authenticate.ts';
import { AwsError } from '../aws-error.ts';
import type { Caller } from '../caller.ts';
import { listen } from '../loopback-server.ts';
import { isRecord, readBody } from '../wire.ts';
import { mayInvoke } from './function-url-access.ts';
import { toFunctionUrlEvent, toIdentity } from './function-url-event.ts';
import { functionArn, lambdaFunction, type FunctionOptions } from './invoke.ts';
import type { FunctionUrlEvent, FunctionUrlIdentity, LambdaHandler, LambdaHook } from './types.ts';

/** How a function URL is served. */
export interface FunctionUrlOptions extends FunctionOptions {
  /**
   * `AWS_IAM` asks for a SigV4 signature for the service `lambda`, by somebody whose policies allow the call; `NONE`
   * lets everybody in.
   */
  readonly auth: 'AWS_IAM' | 'NONE';
  /** 0 lets the system choose. @default 0 */
  readonly port?: number;
}

/** A function that answers HTTP. */
export interface FunctionUrl extends LambdaHook {
  /** `http://127.0.0.1:<port>/` */
  readonly url: string;
}

/** What serving a function needs. */
export interface FunctionUrlContext {
  readonly host: string;
  readonly region: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identities: readonly LocalIdentity[];
  readonly callerOf: (accessKeyId: string) => Caller;
}

/** Largest request and answer of a function, in bytes. @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_BODY_BYTES = 6 * 1024 ** 2;

/**
 * Serves a function over loopback HTTP as a function URL does.
 * @throws {TypeError|RangeError} naming the option that is malformed; the listening error.
 */
export async function serveFunctionUrl(
  handler: LambdaHandler<FunctionUrlEvent>,
  options: FunctionUrlOptions,
  context: FunctionUrlContext,
): Promise<FunctionUrl> {
  const { auth, port = 0 } = options;
  const { host, clock, logger } = context;
  if (auth !== 'AWS_IAM' && auth !== 'NONE')
    throw new TypeError(`auth: got ${show(auth)}, expected 'AWS_IAM' or 'NONE'`);
  const named = { functionName: 'function-url', ...options };
  const fn = lambdaFunction(handler, named, context);
  const arn = functionArn(context.region, named.functionName);

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const body = await readBody(req, MAX_BODY_BYTES);
    const identity = auth === 'NONE' ? undefined : identityOf(req, body, arn, context);
    if (auth === 'AWS_IAM' && identity === undefined) {
      send(res, 403, { Message: 'Forbidden' });
      return;
    }
    const event = toFunctionUrlEvent(req, body, identity, clock.nowMs());
    res.setHeader('x-amzn-requestid', event.requestContext.requestId);
    sendAnswer(res, await fn.invoke(event));
  };

  const server = await listen(host, port, (req, res) => {
    res.on('error', () => {}); // the client left
    answer(req, res).catch((error: unknown) => {
      if (error instanceof AwsError && error.status === 413) {
        send(res, 413, { Message: 'Request Entity Too Large' });
        return;
      }
      logger.warn({ err: error, path: req.url?.replace(/\?.*/s, '') }, 'a function failed its request');
      if (res.headersSent) res.destroy();
      else send(res, 502, { Message: 'Internal Server Error' });
    });
  });
  const stop = (): Promise<void> => server.close();
  const shown = host.includes(':') ? `[${host}]` : host;
  return { url: `http://${shown}:${server.port}/`, stop, [Symbol.asyncDispose]: stop };
}

function identityOf(
  req: IncomingMessage,
  body: Buffer,
  arn: string,
  { region, clock, identities, callerOf }: FunctionUrlContext,
): FunctionUrlIdentity | undefined {
  const [path = '/', query = ''] = (req.url ?? '/').split(/\?(.*)/s, 2);
  const payloadHash = createHash('sha256').update(body).digest('hex');
  const find = (id: string): LocalIdentity | undefined =>
    identities.find(({ accessKeyId }) => accessKeyId === id);
  const verdict = verifySigV4(
    { method: req.method ?? 'GET', path, query, headers: req.headers, payloadHash },
    { service: 'lambda', region, nowMs: clock.nowMs(), secretFor: find },
  );
  if (!verdict.ok) return undefined;
  const caller = callerOf(verdict.accessKeyId);
  const { principal } = caller;
  return principal.type === 'AWS' && mayInvoke(caller, arn)
    ? toIdentity(verdict.accessKeyId, principal.arn)
    : undefined;
}

/** Without a `statusCode` the whole answer is the body. @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload */
function sendAnswer(res: ServerResponse, answer: unknown): void {
  if (!isRecord(answer) || answer['statusCode'] === undefined) {
    send(res, 200, answer ?? null);
    return;
  }
  const { statusCode, headers, body, cookies, isBase64Encoded } = answer;
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new TypeError(`statusCode: got ${show(statusCode)}, expected an integer from 200 to 599`);
  res.statusCode = status;
  res.setHeader('content-type', 'application/json');
  for (const [name, value] of Object.entries(isRecord(headers) ? headers : {}))
    res.setHeader(name, String(value));
  if (Array.isArray(cookies)) res.setHeader('set-cookie', cookies.map(String));
  const text =
    typeof body === 'string' ? body : body === undefined || body === null ? '' : JSON.stringify(body);
  res.end(Buffer.from(text, isBase64Encoded === true ? 'base64' : 'utf8'));
}

function send(res: ServerResponse, status: number, value: unknown): void {
  res.statusCode = status;
  res.setHeader('content-type', 'application/json');
  res.end(typeof value === 'string' ? value : JSON.stringify(value));
}
