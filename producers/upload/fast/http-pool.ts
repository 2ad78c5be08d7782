import { openConnection, type HttpConnection } from './http-connection.ts';
import type { HttpReply } from './http-reply.ts';
import type { HttpRequest } from './send-request.ts';

/** Longest wait for a connection, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Idle connections kept; how many are busy is up to the callers. */
const MAX_IDLE = 16;

/** Connections to one origin, kept alive between requests. */
export interface HttpPool {
  /** Sends a request over an idle connection, or a new one. Errors as {@link HttpConnection.exchange}. */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpReply>;
  /** Closes the idle connections, and each busy one once it is done. */
  close(): void;
}

/**
 * Makes a pool.
 * @param origin `http:` or `https:`; path and query are not looked at
 */
export function createHttpPool(origin: URL): HttpPool {
  const idle: HttpConnection[] = [];
  let closed = false;

  const takeIdle = (): HttpConnection | undefined => {
    for (let found = idle.pop(); found !== undefined; found = idle.pop()) if (found.usable) return found;
    return undefined;
  };

  const giveBack = (connection: HttpConnection): void => {
    if (!connection.usable) return;
    if (closed || idle.length >= MAX_IDLE) connection.destroy();
    else idle.push(connection);
  };

  return {
    async request(request, signal) {
      // A server may close an idle connection just as a request leaves. That says nothing about the request, so it
      // goes out again over another connection; the last one is new.
      for (;;) {
        const connection = takeIdle() ?? (await openConnection(origin, CONNECT_TIMEOUT_MS, signal));
        const reused = connection.served > 0;
        try {
          return await connection.exchange(request, signal);
        } catch (error) {
          if (!reused || !connection.failedSilently) throw error;
        } finally {
          giveBack(connection);
        }
      }
    },
    close() {
      closed = true;
      for (const connection of idle.splice(0)) connection.destroy();
    },
  };
}
