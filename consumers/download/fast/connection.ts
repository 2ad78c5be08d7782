import { connect as connectPlain, type OnReadOpts, type Socket } from 'node:net';
import { TransportError, type TransportRequest, type TransportResponse } from '../transport.ts';
import type { BlockPool } from './block-pool.ts';
import { Exchange } from './exchange.ts';
import type { Origin } from './origin.ts';

/**
 * Where heads are read to, before it is known where their bodies shall go: one for all, as reads never overlap. Small,
 * as what follows a head in it must be copied; S3's heads are about as long.
 */
const scratch = Buffer.allocUnsafeSlow(1024);

/** How to connect. */
export interface ConnectionOptions {
  readonly pool: BlockPool;
  readonly connectTimeoutMs: number;
  /** Certificates that are trusted in place of the usual ones. */
  readonly ca: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Told when the connection has no exchange, and for how many milliseconds it may get another; 0: never. */
  readonly onIdle: (connection: Connection, idleMs: number) => void;
}

/**
 * One connection, with one exchange at a time. The socket reads straight into the block of the body that is under
 * way, through Node's `onread`: no stream, no copy.
 * @see https://nodejs.org/api/net.html#socketconnectoptions-connectlistener
 */
export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #connectTimer: NodeJS.Timeout;
  #exchange: Exchange | undefined;
  #connected = false;
  #closed = false;

  constructor(origin: Origin, options: ConnectionOptions) {
    this.#options = options;
    const { connectTimeoutMs, ca } = options;
    const onread: OnReadOpts = {
      buffer: () => this.#exchange?.buffer() ?? scratch,
      callback: (count, buffer) => this.#read(buffer, count),
    };
    const { host, port, servername } = origin;
    const address = { host, port, noDelay: true, onread };
    if (origin.secure) {
      // Through a variable: the types do not know that `onread` is passed on to the socket.
      const secure = {
        ...address,
        ALPNProtocols: ['http/1.1'],
        ...(servername === undefined ? {} : { servername }),
        ...(ca === undefined ? {} : { ca: ca as string | Buffer | (string | Buffer)[] }),
      };
      // Loaded when needed: it takes 10 ms, in every thread.
      const { connect } = process.getBuiltinModule('node:tls');
      this.#socket = connect(secure, () => this.#onConnect());
    } else this.#socket = connectPlain(address, () => this.#onConnect());
    this.#socket.on('error', (error) => this.#onEnd(error));
    this.#socket.on('end', () => this.#onEnd(undefined));
    this.#socket.on('close', () => this.#onEnd(undefined));
    this.#connectTimer = setTimeout(() => {
      this.#onEnd(new Error(`no connection within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
  }

  /** True if it can be used no more. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Makes a request; only while no other is under way.
   * @param head the request as it goes out
   */
  request(request: TransportRequest, head: string): Promise<TransportResponse> {
    const exchange = new Exchange(request, this.#options.pool, {
      resume: () => void this.#socket.resume(),
      over: (idleMs) => this.#over(idleMs),
    });
    this.#exchange = exchange;
    this.#socket.ref();
    if (this.#connected) exchange.connected();
    atTurnsEnd(() => {
      if (!this.#closed) this.#socket.write(head, 'latin1');
    });
    return exchange.response;
  }

  /** Closes it; an exchange under way fails. */
  close(why = 'the transport was closed'): void {
    this.#onEnd(new Error(why));
  }

  #onConnect(): void {
    clearTimeout(this.#connectTimer);
    this.#connected = true;
    this.#exchange?.connected();
  }

  #read(buffer: Uint8Array, count: number): boolean {
    if (this.#exchange !== undefined) return this.#exchange.received(buffer, count);
    this.close('bytes that nobody asked for');
    return false;
  }

  #over(idleMs: number): void {
    this.#exchange = undefined;
    if (idleMs === 0) this.#destroy();
    else this.#socket.unref();
    this.#options.onIdle(this, idleMs);
  }

  #onEnd(error: Error | undefined): void {
    if (this.#closed) return;
    this.#destroy();
    const message = error === undefined ? 'the other side closed the connection' : describe(error);
    const failure = this.#connected ? 'broken' : 'connect';
    const exchange = this.#exchange;
    if (exchange === undefined) this.#options.onIdle(this, 0);
    else exchange.broken(new TransportError(failure, message, { cause: error }));
  }

  #destroy(): void {
    this.#closed = true;
    clearTimeout(this.#connectTimer);
    this.#socket.destroy();
  }
}

/** Several addresses that all refuse come as one error without a message. */
function describe(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}

let waiting: (() => void)[] = [];

/**
 * Calls `send` at the end of this turn of the event loop. Each write wakes the server's process, unless it is awake: with
 * many small requests that is most of what they cost, so those of one turn go out together.
 */
function atTurnsEnd(send: () => void): void {
  if (waiting.push(send) > 1) return;
  setImmediate(() => {
    const all = waiting;
    waiting = [];
    for (const one of all) one();
  });
}
