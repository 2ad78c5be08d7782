import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock, type Clock } from '../../shared/clock.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { nonEmptyString, numberInRange } from '../../shared/options.ts';
import { sha256Hex } from '../../shared/sigv4-encoding.ts';
import { verifySigV4, type SigV4Secret } from '../../shared/sigv4.ts';
import type { UrlService } from './core.ts';
import { MAX_BODY_BYTES, bodyTooLarge, forbidden, handleRedeem, internalError } from './http.ts';
import type { NeutralResponse } from './http.ts';
import { readBody } from './read-body.ts';

/** An access key, and the caller it stands for. */
export interface CallerIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** If set, requests must carry it. */
  readonly sessionToken?: string | undefined;
  readonly caller: string;
}

/** What goes wrong with one request, for drills and tests. */
export type UrlServiceFault =
  /** Answers so, without asking the service. */
  | { readonly kind: 'status'; readonly status: number; readonly body?: string }
  /** Destroys the connection. */
  | { readonly kind: 'reset' }
  /** Never answers, until the server closes. */
  | { readonly kind: 'stall' };

export interface UrlServiceServerOptions {
  readonly service: UrlService;
  /** 0 takes any free port. @default 0 */
  readonly port?: number;
  /** @default '127.0.0.1' */
  readonly host?: string;
  readonly identities: readonly CallerIdentity[];
  /** Region that callers sign for. */
  readonly region: string;
  /** Judges the date of signatures. @default systemClock */
  readonly clock?: Pick<Clock, 'nowMs'>;
  /** @default silentLogger */
  readonly logger?: Logger;
  /** Asked once for every request but GET /healthz. @default - no faults */
  readonly faults?: (request: {
    readonly method: string;
    readonly path: string;
  }) => UrlServiceFault | undefined;
}

/** A running server. */
export interface UrlServiceServer extends AsyncDisposable {
  /** `http://127.0.0.1:8080`, without a path. */
  readonly url: string;
  readonly port: number;
  /** Takes no more requests, lets those under way finish for 5 s, then cuts them. */
  close(): Promise<void>;
}

/** Service name that callers sign for, that of a Lambda function URL. @see https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html */
export const SIGNING_SERVICE = 'lambda';

/** How long a request under way may still take once the server closes, in milliseconds of real time. */
const CLOSE_GRACE_MS = 5000;

/**
 * Serves a URL service over HTTP. Callers sign with SigV4 for service `lambda`, as for a function URL with AWS_IAM,
 * so that a client needs no change between this and AWS. Every failure of that is one uniform 403.
 *
 * It speaks plain HTTP: it is for loopback, or for behind something that ends TLS.
 *
 * @throws {TypeError} {RangeError} naming the option that is wrong
 */
export async function startUrlServiceServer(options: UrlServiceServerOptions): Promise<UrlServiceServer> {
  const { service, clock = systemClock } = options;
  const host = nonEmptyString('host', options.host ?? '127.0.0.1');
  const port = numberInRange('port', options.port ?? 0, { min: 0, max: 65_535 });
  const region = nonEmptyString('region', options.region);
  const identities = identitiesByKey(options.identities);
  const logger = redactingLogger(options.logger ?? silentLogger);
  const closing = new AbortController();

  const callerOf = (
    request: IncomingMessage,
    path: string,
    query: string,
    body: Buffer,
  ): string | undefined => {
    const verdict = verifySigV4(
      { method: request.method ?? '', path, query, headers: request.headers, payloadHash: sha256Hex(body) },
      {
        service: SIGNING_SERVICE,
        region,
        nowMs: clock.nowMs(),
        secretFor: (id) => identities.get(id)?.secret,
      },
    );
    if (verdict.ok) return identities.get(verdict.accessKeyId)?.caller;
    logger.warn({ code: verdict.code, path }, 'caller refused');
    return undefined;
  };

  const answer = async (request: IncomingMessage, signal: AbortSignal): Promise<NeutralResponse> => {
    const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s, 2);
    const body = await readBody(request, MAX_BODY_BYTES);
    if (body === undefined) return bodyTooLarge();
    const method = request.method ?? '';
    const open = path === '/healthz';
    const caller = open ? undefined : callerOf(request, path, query, body);
    if (!open && caller === undefined) return forbidden();
    return await handleRedeem({ method, path, body, caller }, { service, signal });
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const fault = path === '/healthz' ? undefined : options.faults?.({ method: request.method ?? '', path });
    if (fault !== undefined) return applyFault(fault, request, response, closing.signal);
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the caller went away')));
    try {
      send(response, request, await answer(request, gone.signal));
    } catch (error) {
      // A request that was read to its end is destroyed as well; only one cut short has nobody to answer.
      if (gone.signal.aborted || (request.destroyed && !request.complete)) return;
      logger.error({ error, path }, 'request failed');
      send(response, request, internalError());
    }
  };

  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5000, maxHeaderSize: 16_384 },
    (request, response) => void serve(request, response),
  );
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= closeServer(server, closing));
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shownHost}:${address.port}`,
    port: address.port,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function identitiesByKey(identities: readonly CallerIdentity[]) {
  const byKey = new Map<string, { secret: SigV4Secret; caller: string }>();
  for (const [index, { accessKeyId, secretAccessKey, sessionToken, caller }] of identities.entries()) {
    nonEmptyString(`identities.${index}.accessKeyId`, accessKeyId);
    nonEmptyString(`identities.${index}.secretAccessKey`, secretAccessKey);
    nonEmptyString(`identities.${index}.caller`, caller);
    if (byKey.has(accessKeyId))
      throw new TypeError(
        `identities.${index}.accessKeyId: got one that stands there twice, expected keys that differ`,
      );
    const secret = { secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    byKey.set(accessKeyId, { secret, caller });
  }
  return byKey;
}

function send(
  response: ServerResponse,
  request: IncomingMessage,
  { status, headers, body }: NeutralResponse,
): void {
  if (response.headersSent || response.destroyed) return;
  // A body that was not read to its end would be taken for the next request.
  if (!request.complete) response.shouldKeepAlive = false;
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function applyFault(
  fault: UrlServiceFault,
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
): void {
  const destroy = (): void => void request.socket.destroy();
  switch (fault.kind) {
    case 'status': {
      request.resume();
      response.writeHead(fault.status, { 'content-type': 'application/json' }).end(fault.body ?? '{}');
      return;
    }
    case 'reset':
      return destroy();
    case 'stall': {
      closing.addEventListener('abort', destroy, { once: true });
      request.socket.once('close', () => closing.removeEventListener('abort', destroy));
    }
  }
}

/** Sockets live in real time, whatever clock the service was given: hence the plain timer. */
async function closeServer(server: Server, closing: AbortController): Promise<void> {
  closing.abort();
  const done = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await done;
  clearTimeout(cut);
}
