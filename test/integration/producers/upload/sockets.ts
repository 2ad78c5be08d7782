import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A server on a loopback port, and the connections that it took. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly sockets: readonly Socket[];
}

async function listening(server: Server, sockets: Socket[]): Promise<TestServer> {
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/**
 * A server that reads whole requests and answers the bytes that `answer` gives for each, counted from 0; undefined
 * closes the connection.
 */
export async function scriptedServer(
  answer: (index: number, request: string, socket: Socket) => string | undefined,
): Promise<TestServer> {
  let index = 0;
  const server = createServer((socket) => {
    let pending = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      const end = pending.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = pending.toString('latin1', 0, end);
      const length = Number(/content-length: (\d+)/.exec(head)?.[1]);
      if (pending.length < end + 4 + length) return;
      pending = Buffer.alloc(0);
      const text = answer(index, head, socket);
      index += 1;
      if (text === undefined) socket.destroy();
      else socket.write(text, 'latin1');
    });
  });
  return await listening(server, []);
}

/** A server that answers as soon as a head has come, reads no body, and resets. */
export async function hastyServer(answer: string): Promise<TestServer> {
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.pause();
      socket.write(answer, 'latin1');
    });
  });
  return await listening(server, []);
}

/** A relay that may change what goes to the server. */
export async function relay(toPort: number, change: (bytes: Buffer) => Buffer): Promise<TestServer> {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(toPort, '127.0.0.1');
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
    client.on('data', (bytes) => upstream.write(change(bytes)));
    upstream.pipe(client);
  });
  return await listening(server, sockets);
}
