import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { HttpExchangeError, type HttpReply } from './http-reply.ts';
import { createReplyReader } from './reply-reader.ts';
import { sendRequest, type HttpRequest, type SpanBlocks } from './send-request.ts';

/**
 * Bytes handed to a TLS socket at a time: it encrypts all that it gets into memory at once. A plain socket gets a
 * whole body and copies nothing.
 */
const TLS_WRITE_BYTES = 256 * 1024;

/** A keep-alive connection; one request at a time. */
export interface HttpConnection {
  /** Requests that were answered on it. */
  readonly served: number;
  /** False once it is closed, or its last reply asked for it. */
  readonly usable: boolean;
  /** True if the last exchange failed before a byte of its reply came: an idle connection that was closed, if `served > 0`. */
  readonly failedSilently: boolean;
  /**
   * Sends a request and reads its reply. A reply that comes before the body was sent, as S3 does when it refuses,
   * counts, and costs the connection.
   * @throws {HttpExchangeError|Error} if the connection breaks or the reply is malformed
   * @throws the signal's reason; the connection is closed first
   */
  exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpReply>;
  destroy(): void;
}

/**
 * Opens a connection to `http:` or `https:`.
 * @throws {Error} as `node:net` or `node:tls` give it, or after `timeoutMs`
 * @throws the signal's reason
 */
export async function openConnection(
  origin: URL,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HttpConnection> {
  signal.throwIfAborted();
  const secure = origin.protocol === 'https:';
  const host = origin.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = origin.port === '' ? (secure ? 443 : 80) : Number(origin.port);
  const options = { host, port, noDelay: true, keepAlive: true };
  // An address has no server name; everything else is what the certificate must say.
  const named = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const socket = secure
    ? connectTls({ ...options, ...named, ALPNProtocols: ['http/1.1'] })
    : connectPlain(options);
  await new Promise<void>((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
    };
    const onError = (error: Error): void => {
      settle();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => onError(signal.reason as Error);
    const timer = setTimeout(
      () => onError(new HttpExchangeError(`no connection to ${origin.host} within ${timeoutMs} ms`)),
      timeoutMs,
    );
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      settle();
      resolve();
    });
  });
  return connectionOver(socket, secure ? TLS_WRITE_BYTES : Number.POSITIVE_INFINITY);
}

function connectionOver(socket: Socket, writeBytes: number): HttpConnection {
  const blocks: SpanBlocks = [];
  let served = 0;
  let usable = true;
  let failedSilently = false;
  let listener: { data(bytes: Buffer): void; lost(error: Error): void } | undefined;
  const lost = (error: Error): void => {
    usable = false;
    socket.destroy();
    listener?.lost(error);
  };
  socket.on('data', (bytes: Buffer) => {
    if (listener === undefined) lost(new HttpExchangeError('bytes came that nobody asked for'));
    else listener.data(bytes);
  });
  socket.on('error', lost);
  socket.on('end', () => lost(new HttpExchangeError('the connection ended before the reply')));
  socket.on('close', () => lost(new HttpExchangeError('the connection closed before the reply')));

  const exchange = async (request: HttpRequest, signal: AbortSignal): Promise<HttpReply> => {
    signal.throwIfAborted();
    const reader = createReplyReader(request.method === 'HEAD');
    failedSilently = false;
    socket.ref();
    return await new Promise<HttpReply>((resolve, reject) => {
      let sent = false;
      const settle = (): void => {
        listener = undefined;
        signal.removeEventListener('abort', onAbort);
        if (usable) socket.unref(); // an idle connection does not keep the process alive
      };
      const fail = (error: Error): void => {
        usable = false;
        failedSilently = !reader.begun;
        settle();
        socket.destroy();
        reject(error);
      };
      const onAbort = (): void => {
        fail(signal.reason as Error);
        failedSilently = false; // ours, not the connection's
      };
      signal.addEventListener('abort', onAbort, { once: true });
      listener = {
        lost: fail,
        data(bytes) {
          try {
            const reply = reader.push(bytes);
            if (reply === undefined) return;
            served += 1;
            if (!sent || !reply.keepAlive) usable = false;
            settle();
            if (!usable) socket.destroy();
            if (sent || reply.status >= 300) resolve(reply);
            else reject(new HttpExchangeError('success was answered before the body was sent'));
          } catch (error) {
            fail(error as Error);
          }
        },
      };
      const sending = async (): Promise<void> => {
        await sendRequest(socket, request, writeBytes, blocks);
        sent = true;
      };
      sending().catch(fail);
    });
  };

  return {
    exchange,
    get served() {
      return served;
    },
    get usable() {
      return usable;
    },
    get failedSilently() {
      return failedSilently;
    },
    destroy: () => {
      usable = false;
      socket.destroy();
    },
  };
}
