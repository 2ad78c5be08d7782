import { TransportError, type TransportRequest, type TransportResponse } from '../transport.ts';
import type { BlockPool } from './block-pool.ts';
import { BodyQueue } from './body-queue.ts';
import { parseChunked } from './chunked-body.ts';
import { MAX_HEAD_BYTES, parseHead, type ResponseHead } from './response-head.ts';

/** How often silence is looked for, and bytes that wait for a block to fill are handed out, in milliseconds. */
const TICK_MS = 250;

/** Longest chunked error body as it stands on the wire, in bytes. */
const MAX_RAW_CHUNKED_BYTES = 64 * 1024;

/** What an exchange does to its connection. */
export interface Line {
  /** Reads on after a pause. */
  resume(): void;
  /** The exchange is over. The connection may serve another one for `idleMs` more; 0: it is of no more use. */
  over(idleMs: number): void;
}

/** One request and its answer on a connection: *head → body → over*. */
export class Exchange {
  /** The answer's head; rejects when none comes. */
  readonly response: Promise<TransportResponse>;
  readonly #request: TransportRequest;
  readonly #line: Line;
  readonly #body: BodyQueue;
  #answer: (response: TransportResponse) => void = () => {};
  #refuse: (error: unknown) => void = () => {};
  /** What has come of the head, or of a chunked body. */
  #text: Buffer = Buffer.alloc(0);
  #head: ResponseHead | undefined;
  #left = 0;
  #registered: Uint8Array | undefined;
  #paused = false;
  #over = false;
  /** A byte was heard since the last tick. Reads are too many to look at the clock for each. */
  #heard = false;
  /** The last tick that had heard one; until there is a connection, silence is not counted. */
  #heardMs = Infinity;
  readonly #ticker: NodeJS.Timeout;
  readonly #onAbort = (): void => this.#fail(this.#request.signal?.reason, true);

  constructor(request: TransportRequest, pool: BlockPool, line: Line) {
    this.#request = request;
    this.#line = line;
    this.#body = new BodyQueue(pool, {
      resume: () => {
        if (!this.#paused) return;
        this.#paused = false;
        this.#heardMs = performance.now();
        this.#line.resume();
      },
      cancel: (error) => this.#fail(error, true),
    });
    this.response = new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#refuse = reject;
    });
    this.#ticker = setTimeout(() => this.#tick(), Math.min(TICK_MS, request.stallTimeoutMs));
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Where the next bytes shall be read to; undefined: anywhere. */
  buffer(): Uint8Array | undefined {
    this.#registered = this.#left > 0 && !this.#over ? this.#body.room(this.#left) : undefined;
    return this.#registered;
  }

  /** Bytes have come into `buffer`. False: read no more for now. */
  received(buffer: Uint8Array, count: number): boolean {
    if (this.#over) return true;
    this.#heard = true;
    if (buffer === this.#registered) {
      this.#left -= count;
      this.#body.filled(count);
    } else this.#take(Buffer.from(buffer.buffer, buffer.byteOffset, count));
    if (!this.#over && this.#head !== undefined && this.#head.body !== 'chunked') {
      if (this.#left === 0) this.#complete(true);
      // Bytes of a TLS record come on after a pause. They end none: only `resume` makes the socket read again.
      else this.#paused ||= !this.#body.hasRoom(this.#left);
    }
    return !this.#paused;
  }

  /** The connection is ready. */
  connected(): void {
    this.#heardMs = performance.now();
  }

  /** The connection has come to its end. */
  broken(error: TransportError): void {
    this.#fail(error, false);
  }

  #take(bytes: Buffer): void {
    if (this.#head === undefined) return this.#takeHead(bytes);
    if (this.#head.body === 'chunked') return this.#takeChunked(this.#head, bytes);
    this.#takeBody(bytes);
  }

  #takeHead(bytes: Buffer): void {
    const from = Math.max(0, this.#text.length - 3);
    const text = this.#text.length === 0 ? bytes : Buffer.concat([this.#text, bytes]);
    const end = text.indexOf('\r\n\r\n', from, 'latin1');
    if ((end === -1 ? text.length : end) > MAX_HEAD_BYTES) return this.#unsupported('the length of the head');
    if (end === -1) {
      this.#text = Buffer.from(text);
      return;
    }
    const head = parseHead(text.toString('latin1', 0, end));
    if ('unsupported' in head) return this.#unsupported(head.unsupported);
    this.#head = head;
    this.#text = Buffer.alloc(0);
    const rest = text.subarray(end + 4);
    if (head.body === 'chunked') return this.#takeChunked(head, rest);
    this.#left = head.body;
    const memory = head.status < 300 ? this.#request.into?.(head.body) : undefined;
    if (memory?.length === head.body && head.body > 0) this.#body.readInto(memory);
    else if (this.#request.keep === true) this.#body.keep();
    this.#deliver(head);
    this.#takeBody(rest);
  }

  #takeBody(bytes: Buffer): void {
    const ours = bytes.subarray(0, this.#left);
    this.#left -= ours.length;
    this.#body.copy(ours, this.#left);
    // Bytes that nobody asked for: the answer is whole, but the connection is not to be trusted any more.
    if (bytes.length > ours.length) this.#complete(false);
  }

  #takeChunked(head: ResponseHead, bytes: Buffer): void {
    this.#text = Buffer.concat([this.#text, bytes]);
    const { state, text, rawBytes } = parseChunked(this.#text);
    if (state === 'bad') return this.#unsupported('a chunk');
    if (state === 'more' && this.#text.length <= MAX_RAW_CHUNKED_BYTES) return;
    this.#deliver(head);
    this.#body.copy(text);
    if (state === 'done') this.#complete(rawBytes === this.#text.length);
    else this.#fail(new TransportError('unsupported', 'an error body that is too long'), false);
  }

  #deliver({ status, headers }: ResponseHead): void {
    this.#answer({
      status,
      headers,
      body: this.#body,
      discard: () => this.#body.cancel(),
    });
  }

  #complete(clean: boolean): void {
    this.#finish(clean ? (this.#head?.keepAliveMs ?? 0) : 0);
    this.#body.finish('done');
  }

  #unsupported(what: string): void {
    this.#fail(new TransportError('unsupported', `the fast transport does not read ${what}`), true);
  }

  /** Ends it with an error; bytes that wait are handed out before, unless they are dropped. */
  #fail(error: unknown, drop: boolean): void {
    if (this.#over) return;
    if (this.#head?.body === 'chunked' && !drop) {
      // The status of an error says enough, whatever became of its text.
      this.#deliver(this.#head);
      this.#body.copy(parseChunked(this.#text).text);
    }
    this.#finish(0);
    if (drop) this.#body.drop(error);
    else this.#body.finish({ error });
    this.#refuse(error);
  }

  #finish(idleMs: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#text = Buffer.alloc(0);
    clearTimeout(this.#ticker);
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    this.#line.over(idleMs);
  }

  #tick(): void {
    this.#ticker.refresh();
    if (this.#body.wanted) this.#body.flush();
    const { stallTimeoutMs } = this.#request;
    const nowMs = performance.now();
    if (this.#heard || this.#paused) this.#heardMs = nowMs;
    this.#heard = false;
    if (nowMs - this.#heardMs >= stallTimeoutMs) {
      this.#fail(new TransportError('stall', `no byte for ${stallTimeoutMs} ms`), false);
    }
  }
}
