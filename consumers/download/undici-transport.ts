import { numberInRange } from '../../shared/options.ts';
import type { Transport } from './transport.ts';

/** Proxies to go through, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name them; what is absent is no proxy. */
export interface ProxyOptions {
  /** URL of the proxy for http. */
  readonly httpProxy?: string;
  /** URL of the proxy for https. */
  readonly httpsProxy?: string;
  /** Hosts that are reached directly, separated by commas. */
  readonly noProxy?: string;
}

/** How the transport over undici connects. */
export interface UndiciTransportOptions {
  /** Longest wait for a connection, in milliseconds. @default 10_000 */
  readonly connectTimeoutMs?: number;
  /** @default - none; the environment is not looked at */
  readonly proxy?: ProxyOptions;
  /** Certificates (PEM) to trust in place of Node's own and NODE_EXTRA_CA_CERTS. @default - those */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
}

/**
 * A transport over undici, with connections of its own: HTTP/1.1, kept alive, no redirects, no decoding.
 * Stall timeouts are exact to about a second, as undici looks at its timers that often. undici is loaded by the first
 * request.
 * Memory: per request under way one socket read (64 KiB) and 128 KiB that wait to be read.
 * @throws {RangeError} for a timeout out of range
 */
export function createUndiciTransport(options: UndiciTransportOptions = {}): Transport {
  const { proxy, ca } = options;
  const connectTimeoutMs = numberInRange('connectTimeoutMs', options.connectTimeoutMs ?? 10_000, {
    min: 1,
    max: 2 ** 31 - 1,
    unit: 'ms',
  });
  let loading: Promise<Transport> | undefined;
  let closed = false;
  const load = async (): Promise<Transport> => {
    const { openUndici } = await import('./undici-agent.ts');
    return openUndici({ connectTimeoutMs, proxy, ca });
  };
  return {
    async get(request) {
      request.signal?.throwIfAborted();
      if (closed) throw new TypeError('the transport is closed');
      loading ??= load();
      const transport = await loading;
      return await transport.get(request);
    },
    async close() {
      closed = true;
      await (await loading)?.close();
    },
  };
}
