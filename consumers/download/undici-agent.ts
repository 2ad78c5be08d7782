import { Agent, EnvHttpProxyAgent, errors, type Dispatcher } from 'undici';
import { splitTarget } from './fast/origin.ts';
import {
  TransportError,
  type Transport,
  type TransportFailure,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';
import { UndiciExchange } from './undici-exchange.ts';
import type { ProxyOptions, UndiciTransportOptions } from './undici-transport.ts';

interface Settings {
  readonly connectTimeoutMs: number;
  readonly proxy: ProxyOptions | undefined;
  readonly ca: UndiciTransportOptions['ca'];
}

/** undici's side of the transport, in a module of its own so that nobody loads undici without need. */
export function openUndici({ connectTimeoutMs, proxy, ca }: Settings): Transport {
  const trust = ca === undefined ? {} : { ca: ca as string | Buffer | (string | Buffer)[] };
  const common = { connect: { timeout: connectTimeoutMs, ...trust }, pipelining: 1, allowH2: false };
  const agent =
    proxy === undefined
      ? new Agent(common)
      : // Empty rather than absent: undici would look at the environment.
        new EnvHttpProxyAgent({
          ...common,
          httpProxy: proxy.httpProxy ?? '',
          httpsProxy: proxy.httpsProxy ?? '',
          noProxy: proxy.noProxy ?? '',
        });
  return {
    get: async (request) => await get(agent, request),
    close: async () => await agent.destroy(),
  };
}

async function get(agent: Dispatcher, request: TransportRequest): Promise<TransportResponse> {
  const { signal, stallTimeoutMs, headers } = request;
  signal?.throwIfAborted();
  const onAbort = (): void => exchange.abort(new Error('aborted'));
  const exchange = new UndiciExchange(
    (error) => toTransportError(error, signal),
    () => signal?.removeEventListener('abort', onAbort),
  );
  signal?.addEventListener('abort', onAbort, { once: true });
  const { origin, path } = splitTarget(request.url);
  agent.dispatch(
    {
      origin: origin.key,
      path,
      method: 'GET',
      headers,
      headersTimeout: stallTimeoutMs,
      bodyTimeout: stallTimeoutMs,
    },
    exchange,
  );
  return await exchange.response;
}

function toTransportError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason;
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new TransportError(failureOf(error), message, { cause: error });
}

function failureOf(error: unknown): TransportFailure {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) return 'stall';
  if (error instanceof errors.ConnectTimeoutError) return 'connect';
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' &&
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(code)
    ? 'connect'
    : 'broken';
}
