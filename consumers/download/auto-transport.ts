import { createFastTransport, type FastTransportOptions } from './fast/fast-transport.ts';
import { splitTarget } from './fast/origin.ts';
import { withThreads, type ThreadsOptions } from './threads/threads.ts';
import {
  TransportError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';
import { createUndiciTransport, type ProxyOptions } from './undici-transport.ts';

/**
 * Whether https goes over the fast transport without being told to. Turn it on once the benchmark shows at least 1.2
 * times undici's speed over TLS.
 */
export const FAST_OVER_TLS = false;

/** Origins remembered as such that the fast transport does not read. */
const MAX_REMEMBERED = 256;

/**
 * Which HTTP engine to use.
 *
 * - `auto`: the fast one for http, undici for https and through proxies, and for every origin that once answered in a
 *   way that the fast one does not read.
 * - `fast`: only the fast one. `undici`: only undici.
 */
export type TransportKind = 'auto' | 'fast' | 'undici';

/** How a transport chooses and connects. */
export interface CreateTransportOptions extends FastTransportOptions, ThreadsOptions {
  /** @default 'auto' */
  readonly kind?: TransportKind;
  /** Proxies, which only undici goes through. @default - none; the environment is not looked at */
  readonly proxy?: ProxyOptions;
}

/**
 * Makes a transport, for many downloads to share: connections and memory are shared then.
 * @throws {TypeError} for an unknown kind, and for `fast` together with a proxy
 * @throws {RangeError} for a timeout out of range
 */
export function createTransport(options: CreateTransportOptions = {}): Transport {
  const { kind = 'auto', proxy } = options;
  if (!isTransportKind(kind)) {
    throw new TypeError(`kind: got ${JSON.stringify(kind)}, expected "auto", "fast" or "undici"`);
  }
  if (kind === 'fast') {
    if (proxy !== undefined) throw new TypeError('proxy: got one, expected none with kind "fast"');
    return fastWithThreads(options);
  }
  const undici = createUndiciTransport(options);
  if (kind === 'undici' || proxy !== undefined) return undici;
  return either(fastWithThreads(options), undici);
}

function fastWithThreads(options: CreateTransportOptions): Transport {
  const { connectTimeoutMs = 10_000, ca } = options;
  return withThreads(createFastTransport(options), { connectTimeoutMs, ca }, options);
}

/** True for the name of an engine. */
export function isTransportKind(value: unknown): value is TransportKind {
  return value === 'auto' || value === 'fast' || value === 'undici';
}

/** The fast one where it can be, undici otherwise; decided once for each origin. */
function either(fast: Transport, undici: Transport): Transport {
  const unsupported = new Set<string>();
  const get = async (request: TransportRequest): Promise<TransportResponse> => {
    const { origin } = splitTarget(request.url);
    const { key, secure } = origin;
    if ((secure && !FAST_OVER_TLS) || unsupported.has(key)) return await undici.get(request);
    try {
      return await fast.get(request);
    } catch (error) {
      if (!(error instanceof TransportError) || error.failure !== 'unsupported') throw error;
      if (unsupported.size >= MAX_REMEMBERED) unsupported.clear();
      unsupported.add(key);
      const fields = { origin: key, reason: error.message };
      request.logger?.debug(fields, 'this origin is read by undici from now on');
      return await undici.get(request);
    }
  };
  return {
    get,
    async close() {
      await Promise.all([fast.close(), undici.close()]);
    },
  };
}
