import type { Socket } from 'node:net';
import type { FileSpan, PartBody } from '../span.ts';
import { HttpExchangeError } from './http-reply.ts';

/** Bytes of a file read, and written, at a time. */
const SPAN_BLOCK_BYTES = 1024 ** 2;

/** Two blocks that a connection reads files into, made when it first does. */
export type SpanBlocks = [Buffer?, Buffer?];

/** One request. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** `host` and `content-length` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes that must not change until the exchange has settled, or where to read them. @default - none */
  readonly body?: PartBody | undefined;
}

/**
 * Writes head and body; resolves once the last byte has left the process.
 *
 * A connection that breaks is not reported here but by its own events, and the promise then stays open: nobody
 * waits for it.
 * @param writeBytes most bytes per write
 * @param blocks the connection's own, used again by its next request
 * @throws {HttpExchangeError} if a file became shorter
 * @throws {Error} if it cannot be read
 */
export async function sendRequest(
  socket: Socket,
  request: HttpRequest,
  writeBytes: number,
  blocks: SpanBlocks,
): Promise<void> {
  const { method, target, headers, body } = request;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  if (body === undefined || body.length === 0) await write(socket, head);
  else if (Buffer.isBuffer(body)) await sendBuffer(socket, head, body, writeBytes);
  else await sendSpan(socket, head, body, writeBytes, blocks);
}

async function sendBuffer(socket: Socket, head: Buffer, body: Buffer, writeBytes: number): Promise<void> {
  socket.cork(); // head and body in one system call
  void write(socket, head);
  const first = write(socket, body.subarray(0, writeBytes));
  socket.uncork();
  await first;
  for (let from = writeBytes; from < body.length; from += writeBytes)
    await write(socket, body.subarray(from, from + writeBytes));
}

/** Reads the next block while the one before is written. */
async function sendSpan(
  socket: Socket,
  head: Buffer,
  span: FileSpan,
  writeBytes: number,
  blocks: SpanBlocks,
): Promise<void> {
  const blockBytes = Math.min(SPAN_BLOCK_BYTES, writeBytes);
  let writing = write(socket, head);
  let turn: 0 | 1 = 0;
  for (let from = 0; from < span.length; turn = turn === 0 ? 1 : 0) {
    const block = (blocks[turn] ??= Buffer.allocUnsafeSlow(blockBytes));
    const count = await span.read(from, block.subarray(0, span.length - from));
    if (count === 0)
      throw new HttpExchangeError(`the file ended ${span.length - from} bytes before the end of a part`);
    await writing;
    writing = write(socket, block.subarray(0, count));
    from += count;
  }
  await writing;
}

async function write(socket: Socket, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.write(bytes, (error) => {
      if (!error) resolve();
    });
  });
}
