import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Answer, Head, Receiver } from './sink-objects.ts';

/** Bytes taken from the kernel at a time: more than that leaves the processor's cache. */
const READ_BYTES = 512 * 1024;
const MAX_HEAD_BYTES = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

/** A socket over a connection that another one accepted, reading into one buffer. Node documents `onread` only for clients. */
type HandleOptions = SocketConstructorOpts & {
  readonly handle: unknown;
  readonly onread: {
    readonly buffer: Uint8Array;
    readonly callback: (length: number, buffer: Uint8Array) => boolean;
  };
};

/**
 * Serves one keep-alive HTTP/1.1 connection. Bodies need a Content-Length, as S3's do. One request at a time, no
 * pipelining.
 */
export function serveConnection(accepted: Socket, open: (head: Head) => Receiver): void {
  const owner = accepted as unknown as { _handle: unknown };
  const handle = owner._handle;
  owner._handle = null;
  let pending = Buffer.alloc(0);
  let receiver: Receiver | undefined;
  let left = 0;

  const finish = (): void => {
    const answer = receiver?.end();
    receiver = undefined;
    if (answer !== undefined) socket.write(format(answer));
  };

  const takeHead = (bytes: Buffer): Buffer | undefined => {
    pending = Buffer.concat([pending, bytes]);
    const end = pending.indexOf(HEAD_END);
    if (end < 0) {
      if (pending.length > MAX_HEAD_BYTES) socket.destroy();
      return undefined;
    }
    const head = parseHead(pending.subarray(0, end).toString('latin1'));
    const rest = pending.subarray(end + HEAD_END.length);
    pending = Buffer.alloc(0);
    receiver = open(head);
    left = Number(head.headers['content-length'] ?? '0');
    if (head.headers['transfer-encoding'] !== undefined) {
      socket.end(format({ status: 501, headers: {}, body: '' }));
      return undefined;
    }
    if (/100-continue/i.test(head.headers['expect'] ?? '')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    if (left === 0) finish();
    return rest;
  };

  const take = (bytes: Buffer): void => {
    let rest: Buffer | undefined = bytes;
    while (rest !== undefined && rest.length > 0) {
      if (receiver === undefined) {
        rest = takeHead(rest);
        continue;
      }
      const piece: Buffer = rest.subarray(0, left);
      receiver.body(piece);
      left -= piece.length;
      rest = rest.subarray(piece.length);
      if (left === 0) finish();
    }
  };

  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const onread = {
    buffer,
    callback: (length: number): boolean => {
      take(buffer.subarray(0, length));
      return true;
    },
  };
  const options: HandleOptions = { handle, readable: true, writable: true, onread };
  const socket = new Socket(options);
  socket.on('error', () => socket.destroy()); // a client that left
  socket.on('end', () => socket.end());
  socket.resume();
}

function parseHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const [method = '', target = ''] = first.split(' ');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const [path = '', query = ''] = target.split('?', 2);
  return { method, path: decodeURIComponent(path), query: new URLSearchParams(query), headers };
}

function format({ status, headers, body }: Answer): string {
  const all = { ...headers, 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} \r\n${lines.join('')}\r\n${body}`;
}
