import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nonEmptyString, numberInRange } from '../../shared/options.ts';
import { readBody } from '../url-service/read-body.ts';
import {
  MAX_UPLOAD_REQUEST_BYTES,
  refuse,
  tooLong,
  type UploadRequest,
  type UploadResponse,
} from './http.ts';

export interface UploadServerOptions {
  /** From `createUploadHttp`; asked with the server's own URL once that is known. */
  readonly http: (url: string) => (request: UploadRequest) => Promise<UploadResponse>;
  /** Asked first; what it answers is not the upload service's: a page, say. @default - nothing else is served */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** 0 takes any free port. @default 0 */
  readonly port?: number;
  /** @default '127.0.0.1' */
  readonly host?: string;
}

/** A running server. */
export interface UploadServer extends AsyncDisposable {
  /** `http://127.0.0.1:8080`, without a path. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** How long a request under way may still take once the server closes, in milliseconds. */
const CLOSE_GRACE_MS = 5_000;

/**
 * Serves an upload service over plain HTTP: for loopback, or for behind something that ends TLS.
 * @throws {TypeError|RangeError} naming the option that is wrong; the listening error
 */
export async function startUploadServer(options: UploadServerOptions): Promise<UploadServer> {
  const host = nonEmptyString('host', options.host ?? '127.0.0.1');
  const port = numberInRange('port', options.port ?? 0, { min: 0, max: 65_535 });
  let answer: ((request: UploadRequest) => Promise<UploadResponse>) | undefined;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (options.before?.(request, response) === true) return;
    const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s, 2);
    const body = await readBody(request, MAX_UPLOAD_REQUEST_BYTES);
    const asked = {
      method: request.method ?? '',
      path,
      query,
      headers: oneValueEach(request),
      body: body ?? Buffer.alloc(0),
    };
    const answered = body === undefined ? refuse(tooLong()) : await answer?.(asked);
    if (answered === undefined) return void response.destroy();
    response.writeHead(answered.status, answered.headers);
    response.end(request.method === 'HEAD' ? undefined : answered.body);
  };

  const server = createServer(
    { headersTimeout: 30_000, requestTimeout: 60_000, keepAliveTimeout: 5_000, maxHeaderSize: 16_384 },
    (request, response) => void serve(request, response).catch(() => response.destroy()), // the caller left
  );
  server.listen(port, host);
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  answer = options.http(url);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      const ended = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
      await ended;
      clearTimeout(cut);
    })());
  return { url, port: bound, close, [Symbol.asyncDispose]: close };
}

function oneValueEach({ headers }: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}
