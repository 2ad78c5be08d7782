import { Agent, errors } from 'undici';
import { numberInRange } from '../../shared/options.ts';
import {
  TransportError,
  type Transport,
  type TransportFailure,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';
import { UndiciExchange } from './undici-exchange.ts';

/** How the transport over undici connects. */
export interface UndiciTransportOptions {
  /** Longest wait for a connection, in milliseconds. @default 10_000 */
  readonly connectTimeoutMs?: number;
}

/**
 * A transport over undici, with connections of its own: HTTP/1.1, kept alive, no redirects, no decoding.
 * Stall timeouts are exact to about a second, as undici looks at its timers that often.
 * Memory: per request under way one socket read (64 KiB) and 128 KiB that wait to be read.
 * @throws {RangeError} for a timeout out of range
 */
export function createUndiciTransport(options: UndiciTransportOptions = {}): Transport {
  const timeout = numberInRange('connectTimeoutMs', options.connectTimeoutMs ?? 10_000, {
    min: 1,
    max: 2 ** 31 - 1,
    unit: 'ms',
  });
  const agent = new Agent({ connect: { timeout }, pipelining: 1, allowH2: false });
  return {
    get: async (request) => await get(agent, request),
    close: async () => await agent.destroy(),
  };
}

async function get(agent: Agent, request: TransportRequest): Promise<TransportResponse> {
  const { signal, stallTimeoutMs, headers } = request;
  signal.throwIfAborted();
  const onAbort = (): void => exchange.abort(new Error('aborted'));
  const exchange = new UndiciExchange(
    (error) => toTransportError(error, signal),
    () => signal.removeEventListener('abort', onAbort),
  );
  signal.addEventListener('abort', onAbort, { once: true });
  agent.dispatch(
    {
      ...splitUrl(request.url),
      method: 'GET',
      headers,
      headersTimeout: stallTimeoutMs,
      bodyTimeout: stallTimeoutMs,
    },
    exchange,
  );
  return await exchange.response;
}

/**
 * Origin and raw path with query. `new URL` would resolve dot segments and re-encode, and S3 keys may hold `..`,
 * `//` and `%2F`: the signature covers the path as written.
 */
function splitUrl(url: string): { origin: string; path: string } {
  const match = /^(https?:\/\/[^/?#]+)([^#]*)/i.exec(url);
  const [, origin, rest] = match ?? [];
  if (origin === undefined || rest === undefined)
    throw new TypeError('url: got something else, expected an absolute http or https URL');
  return { origin, path: rest.startsWith('/') ? rest : `/${rest}` };
}

function toTransportError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
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
