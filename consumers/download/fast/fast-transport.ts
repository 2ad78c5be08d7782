import { numberInRange } from '../../../shared/options.ts';
import type { Transport, TransportRequest } from '../transport.ts';
import { sharedBlockPool, type BlockPool } from './block-pool.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import { splitTarget, type Origin } from './origin.ts';

/** Longest that a connection waits for its next request; stores close theirs soon after. In milliseconds. */
const MAX_IDLE_MS = 4_000;

/** A connection is given up this long before the server says it closes it, in milliseconds. */
const IDLE_MARGIN_MS = 1_000;

/** How the fast transport connects. */
export interface FastTransportOptions {
  /** Longest wait for a connection, TLS included, in milliseconds. @default 10_000 */
  readonly connectTimeoutMs?: number;
  /** Where bodies are read into. @default - one pool for the process */
  readonly pool?: BlockPool;
  /** Certificates (PEM) to trust in place of Node's own and NODE_EXTRA_CA_CERTS. @default - those */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
}

interface Idle {
  readonly connection: Connection;
  readonly untilMs: number;
}

/**
 * A transport that reads HTTP/1.1 itself, straight into pooled blocks: about the speed of curl. It reads only what can
 * be read in one way (response-head.ts); anything else fails with a TransportError `unsupported`, and is then up to
 * another transport (`createTransport` does that).
 *
 * Certificates and host names are verified with Node's defaults. Idle connections close after four seconds and do not
 * keep the process alive. Memory: three blocks for each body under way (block-pool.ts).
 *
 * @throws {RangeError} for a timeout out of range
 */
export function createFastTransport(options: FastTransportOptions = {}): Transport {
  const connectTimeoutMs = numberInRange('connectTimeoutMs', options.connectTimeoutMs ?? 10_000, {
    min: 1,
    max: 2 ** 31 - 1,
    unit: 'ms',
  });
  const pool = options.pool ?? sharedBlockPool();
  const all = new Set<Connection>();
  const idle = new Map<string, Idle[]>();
  let sweeper: NodeJS.Timeout | undefined;

  /** Closes what has waited too long. One timer for all, only while something waits. */
  const sweep = (): void => {
    const nowMs = performance.now();
    for (const [key, waiting] of idle) {
      const kept = waiting.filter(({ connection, untilMs }) => !connection.closed && untilMs > nowMs);
      for (const { connection } of waiting.filter((one) => !kept.includes(one))) connection.close('idle');
      if (kept.length === 0) idle.delete(key);
      else idle.set(key, kept);
    }
    sweeper = undefined;
    if (idle.size > 0) startSweeper();
  };
  const startSweeper = (): void => {
    sweeper ??= setTimeout(sweep, MAX_IDLE_MS).unref();
  };

  const open = (origin: Origin): Connection => {
    const onIdle: ConnectionOptions['onIdle'] = (connection, idleMs) => {
      const keptMs = Math.min(MAX_IDLE_MS, idleMs - IDLE_MARGIN_MS);
      if (connection.closed || keptMs <= 0) {
        all.delete(connection);
        if (!connection.closed) connection.close('idle');
        return;
      }
      const entry = { connection, untilMs: performance.now() + keptMs };
      const waiting = idle.get(origin.key);
      if (waiting === undefined) idle.set(origin.key, [entry]);
      else waiting.push(entry);
      startSweeper();
    };
    const connection = new Connection(origin, { pool, connectTimeoutMs, ca: options.ca, onIdle });
    all.add(connection);
    return connection;
  };

  const take = (origin: Origin): Connection => {
    const waiting = idle.get(origin.key);
    for (let last = waiting?.pop(); last !== undefined; last = waiting?.pop()) {
      if (last.connection.closed) continue;
      if (last.untilMs > performance.now()) return last.connection;
      last.connection.close('idle');
    }
    return open(origin);
  };

  return {
    async get(request) {
      request.signal?.throwIfAborted();
      const { origin, path } = splitTarget(request.url);
      const head = requestHead(path, origin, request);
      return await take(origin).request(request, head);
    },
    close() {
      clearTimeout(sweeper);
      sweeper = undefined;
      for (const connection of all) connection.close();
      all.clear();
      idle.clear();
      return Promise.resolve();
    },
  };
}

/** @throws {TypeError} naming a header whose name or value would break the request apart */
function requestHead(path: string, origin: Origin, { headers }: TransportRequest): string {
  let head = `GET ${path} HTTP/1.1\r\nhost: ${origin.authority}\r\nconnection: keep-alive\r\n`;
  for (const name in headers) {
    const value = headers[name] ?? '';
    if (!/^[a-z0-9-]+$/.test(name) || /[^\t\x20-\x7e]/.test(value)) {
      throw new TypeError(`headers: got a malformed ${JSON.stringify(name)}, expected printable ASCII`);
    }
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}
