import { connect } from 'node:net';

/** Longest wait for an answer, in milliseconds; only a hang takes it. */
const HANG_MS = 10_000;

/** A request that promises more than it sends has this long to be refused, in milliseconds; then the client leaves. */
const PATIENCE_MS = 250;

/** What came back for raw bytes. */
export interface RawAnswer {
  /** 0 if the connection ended without an answer. */
  readonly status: number;
  readonly body: string;
}

/**
 * Sends bytes as they are and reads to the end; leaves if the server waits for more.
 * @throws {Error} if the server does not let go of the connection then
 */
export async function sendRaw(port: number, bytes: Buffer): Promise<RawAnswer> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const leave = setTimeout(() => socket.end(), PATIENCE_MS);
    const timer = setTimeout(() => {
      reject(
        new Error(`no answer and no end for ${JSON.stringify(bytes.toString('latin1').slice(0, 2000))}`),
      );
      socket.destroy();
    }, HANG_MS);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => {}); // a reset is an end; 'close' follows
    socket.on('close', () => {
      clearTimeout(timer);
      clearTimeout(leave);
      const text = Buffer.concat(chunks).toString('latin1');
      const status = Number(
        /^HTTP\/1\.1 (\d{3}) /.exec(text.replace(/^HTTP\/1\.1 100 .*?\r\n\r\n/s, ''))?.[1] ?? 0,
      );
      const at = text.indexOf('\r\n\r\n');
      resolve({ status, body: at === -1 ? '' : text.slice(at + 4) });
    });
  });
}

/** A request as bytes. Header values are sent as Latin-1, whatever they hold. */
export function requestBytes(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array = new Uint8Array(),
): Buffer {
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const head = [`${method} ${target} HTTP/1.1`, ...lines, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}
