/*
 * A server that takes uploads as S3 does and keeps nothing: one process, bodies counted and dropped where the kernel
 * left them. After `POST /-/verify` it also computes the CRC32C of what arrives. `GET /-/objects` tells which objects
 * are complete, and forgets them.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { S3Sink } from './sink-objects.ts';
import { serveConnection } from './sink-connection.ts';

const sink = new S3Sink();
// Paused, so that the connection's handle can be given to a socket that reads into one buffer
const server = createServer({ pauseOnConnect: true, noDelay: true }, (accepted) =>
  serveConnection(accepted, (head) => sink.receive(head)),
);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ endpoint: `http://127.0.0.1:${port}` })}\n`);
process.once('SIGTERM', () => process.exit(0));
