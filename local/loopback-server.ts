import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How long answers under way may take to finish when the server closes, in milliseconds; then they are cut. */
const CLOSE_GRACE_MS = 500;

/** A listening HTTP server that can be closed for certain. */
export interface LoopbackServer {
  readonly port: number;
  /** Stops listening, lets answers finish for half a second, then cuts every connection. */
  close(): Promise<void>;
}

/**
 * Listens.
 * @param handle answers a request; it must not reject.
 * @throws the listening error, such as EADDRINUSE.
 */
export async function listen(
  host: string,
  port: number,
  handle: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<LoopbackServer> {
  const open = new Set<ServerResponse>();
  let onIdle = (): void => {};
  const server = createServer((req, res) => {
    open.add(res);
    res.once('close', () => {
      open.delete(res);
      if (open.size === 0) onIdle();
    });
    handle(req, res);
  });
  server.requestTimeout = 0; // an upload may take longer than Node's five minutes
  server.keepAliveTimeout = 65_000; // longer than SDK clients keep sockets, so that none is closed under a request

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => {
        if (open.size === 0) {
          resolve();
          return;
        }
        const timer = setTimeout(resolve, CLOSE_GRACE_MS);
        onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      server.closeAllConnections();
      await closed;
    },
  };
}
