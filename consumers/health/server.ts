import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nonEmptyString, numberInRange } from '../../shared/options.ts';
import { formatMetrics, PROMETHEUS_TYPE } from './prometheus.ts';
import { workerMetrics, type WorkerFacts } from './worker-metrics.ts';

/** Where a worker tells how it is. */
export interface HealthOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** Anything else than loopback shows queue and consumer names, and reasons of failures, to whoever can connect. @default '127.0.0.1' */
  readonly host?: string;
}

/** What is asked of a worker. */
export interface WorkerHealth extends WorkerFacts {
  /** Why the worker has stopped to make progress; undefined while all is well. */
  readonly stuck: string | undefined;
}

/** A health endpoint. */
export interface HealthServer extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

/** @throws {TypeError|RangeError} naming the field */
export function resolveHealthOptions({ port, host = '127.0.0.1' }: HealthOptions): Required<HealthOptions> {
  return {
    port: numberInRange('health.port', port, { min: 0, max: 65_535 }),
    host: nonEmptyString('health.host', host),
  };
}

/**
 * Serves a worker's health over HTTP:
 *
 * - `/healthz`: 200 while the process is alive and the poll loop moves, else 503: restart it.
 * - `/readyz`: 200 while messages are received, 503 while starting, stopping, or with the circuit open: leave it alone.
 * - `/metrics`: Prometheus text.
 *
 * @throws {TypeError|RangeError} for bad options
 * @throws {Error} when the port cannot be had
 * @example
 * await using health = await serveWorkerHealth(worker, { port: 9464 });
 */
export async function serveWorkerHealth(
  worker: { readonly health: WorkerHealth },
  options: HealthOptions,
): Promise<HealthServer> {
  const { port, host } = resolveHealthOptions(options);
  const server = createServer((request, response) => answer(worker.health, request, response));
  server.listen(port, host);
  await once(server, 'listening'); // rejects on `error`
  const { address, family, port: bound } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function answer(health: WorkerHealth, request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '' } = request;
  const say = (status: number, type: string, body: string): void => {
    const headers = {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    };
    response.writeHead(status, headers).end(method === 'HEAD' ? undefined : body);
  };
  const tell = (isGood: boolean, facts: object): void =>
    say(isGood ? 200 : 503, 'application/json', `${JSON.stringify(facts)}\n`);
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return say(405, 'text/plain', 'only GET and HEAD\n');
  }
  const [path = ''] = url.split('?', 1);
  switch (path) {
    case '/healthz':
      return tell(
        health.stuck === undefined,
        health.stuck === undefined ? { alive: true } : { alive: false, reason: health.stuck },
      );
    case '/readyz':
      return tell(health.ready, { ready: health.ready, circuit: health.circuit });
    case '/metrics':
      return say(200, PROMETHEUS_TYPE, formatMetrics(workerMetrics(health)));
    default:
      return say(404, 'text/plain', '/healthz, /readyz, /metrics\n');
  }
}
