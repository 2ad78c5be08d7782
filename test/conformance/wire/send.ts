import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { HeaderLines } from './sign.ts';

/** An answer as it came. */
export interface Reply {
  readonly status: number;
  /** By lower-case name; repeated ones joined. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  /** Text of the first XML element of this name, entities undone. */
  xml(name: string): string | undefined;
  /** Texts of all XML elements of this name. */
  xmlAll(name: string): string[];
}

/** A request as it goes out: nothing is added but framing and the connection's own headers. */
export interface Outgoing {
  /** Origin to connect to. */
  readonly endpoint: string;
  readonly method: string;
  /** Raw path and query. */
  readonly target: string;
  readonly headers: HeaderLines;
  readonly body?: Uint8Array | undefined;
}

/** Longest wait for an answer, in milliseconds. */
const TIMEOUT_MS = 30_000;

/** Sends a request by Node's HTTP client. Header lines go out in order, repeated ones too. */
export async function send(outgoing: Outgoing): Promise<Reply> {
  const url = new URL(outgoing.endpoint);
  const make = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return await new Promise<Reply>((resolve, reject) => {
    const request = make({
      hostname: url.hostname,
      port: url.port,
      method: outgoing.method,
      path: outgoing.target,
      headers: [...outgoing.headers.flat(), 'connection', 'close'],
      setHost: false,
      timeout: TIMEOUT_MS,
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => void chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const headers = Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name, value?.toString()]),
        );
        resolve(reply(response.statusCode ?? 0, headers, Buffer.concat(chunks)));
      });
    });
    request.end(outgoing.body);
  });
}

/**
 * Sends text over a socket, for what an HTTP client would not send; reads until the other side closes.
 * @param endpoint origin, plain HTTP
 */
export async function sendRaw(endpoint: string, text: string): Promise<Reply> {
  const { hostname, port } = new URL(endpoint);
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(text));
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => void chunks.push(Buffer.from(chunk)));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
  const end = bytes.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    }),
  );
  return reply(Number(statusLine.split(' ')[1]), headers, bytes.subarray(end + 4));
}

function reply(status: number, headers: Reply['headers'], body: Buffer): Reply {
  const text = body.toString('utf8');
  const xmlAll = (name: string): string[] =>
    [...text.matchAll(new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`, 'g'))].map(([, value = '']) =>
      value
        .replaceAll(/&(lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name] ?? '')
        .replaceAll('&amp;', '&'),
    );
  return { status, headers, body, text, xmlAll, xml: (name) => xmlAll(name)[0] };
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'" };
