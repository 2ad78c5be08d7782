import { createTransport, type TransportKind } from './auto-transport.ts';
import type { Transport } from './transport.ts';
import type { ProxyOptions } from './undici-transport.ts';

const shared = new Map<string, Transport>();
const MAX_SHARED = 16;

/**
 * The transport of all downloads of this process that do not bring their own. It is never closed: its connections
 * close when idle, and do not keep the process alive.
 */
export function sharedTransport(
  kind: TransportKind,
  connectTimeoutMs: number,
  proxy: ProxyOptions | undefined,
): Transport {
  const key = `${kind} ${connectTimeoutMs}${proxy === undefined ? '' : JSON.stringify(proxy)}`;
  const found = shared.get(key);
  if (found !== undefined) return found;
  const made = createTransport({ kind, connectTimeoutMs, ...(proxy === undefined ? {} : { proxy }) });
  if (shared.size >= MAX_SHARED) shared.clear(); // whoever uses them keeps them
  shared.set(key, made);
  return made;
}
