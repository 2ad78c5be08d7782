import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A proxy for HTTP on loopback that counts what goes up, and breaks it. */
export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** Cuts every connection once this many bytes have gone up in all. */
  cutAt(bytes: number): Promise<void>;
  /** Lets nothing more through once this many bytes have gone up in all, until `go()`. */
  holdAt(bytes: number): Promise<void>;
  go(): void;
  /** Bytes of request bodies sent on so far. */
  sentBytes(): number;
}

export async function startCuttingProxy(): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const watching: { readonly at: number; readonly cut: boolean; readonly done: () => void }[] = [];
  let [sent, held] = [0, false];
  const waiting = new Set<() => void>();

  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  const count = (bytes: number): void => {
    sent += bytes;
    for (const watch of watching.filter(({ at }) => sent >= at)) {
      watching.splice(watching.indexOf(watch), 1);
      if (watch.cut) cut();
      else held = true;
      watch.done();
    }
  };
  /** Calls `next` once nothing is held any more. */
  const whenFree = (next: () => void): void => void (held ? waiting.add(next) : next());

  const forward = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { hostname, port, pathname, search } = new URL(request.url ?? '');
    const { method, headers } = request;
    const upstream = send({ hostname, port, path: pathname + search, method, headers, agent: false });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    upstream.on('socket', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    const counter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        whenFree(() => {
          count(chunk.byteLength);
          done(null, chunk);
        });
      },
    });
    await pipeline(request, counter, upstream);
  };

  const server = createServer((request, response) => {
    forward(request, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const watch = async (at: number, cutThen: boolean): Promise<void> =>
    await new Promise((done) => watching.push({ at, cut: cutThen, done }));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAt: async (bytes) => await watch(bytes, true),
    holdAt: async (bytes) => await watch(bytes, false),
    go() {
      held = false;
      for (const next of waiting) next();
      waiting.clear();
    },
    sentBytes: () => sent,
    async [Symbol.asyncDispose]() {
      server.close();
      cut();
      server.closeAllConnections();
      await Promise.resolve();
    },
  };
}
