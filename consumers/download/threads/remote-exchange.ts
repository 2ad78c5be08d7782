import {
  TransportError,
  type FilePlace,
  type Placed,
  type TransportRequest,
  type TransportResponse,
} from '../transport.ts';
import type { FromThread, ThreadFailure, ToThread } from './messages.ts';

/** A message without the request that it is about. */
export type Told = ToThread extends infer M ? (M extends unknown ? Omit<M, 'id'> : never) : never;

/**
 * One request on another thread, and its answer: *head → placed… → over*. Whoever lets go of it waits until the thread
 * has: from then on nothing is written any more.
 */
export class RemoteExchange {
  /** The answer's head; rejects when none comes. */
  readonly response: Promise<TransportResponse>;
  readonly #tell: (told: Told) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #over: Promise<void>;
  #settle: () => void = () => {};
  #answer: (response: TransportResponse) => void = () => {};
  #refuse: (error: unknown) => void = () => {};
  #placed: Placed[] = [];
  #end: 'open' | 'done' | { readonly error: unknown } = 'open';
  #wake: () => void = () => {};
  #lost = false;
  readonly #cancel = (): void => {
    if (this.#end === 'open') this.#tell({ cancel: true });
  };

  constructor({ url, headers, stallTimeoutMs, signal }: TransportRequest, tell: (told: Told) => void) {
    this.#tell = tell;
    this.#signal = signal;
    this.#over = new Promise((resolve) => (this.#settle = resolve));
    this.response = new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#refuse = reject;
    });
    tell({ get: { url, headers, stallTimeoutMs } });
    signal?.addEventListener('abort', this.#cancel, { once: true });
  }

  /** The thread has died under it. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** Takes what the thread says. */
  heard(message: FromThread): void {
    if ('placed' in message) this.#placed.push(message.placed);
    else if ('head' in message) this.#head(message.head, message.text);
    else this.#finish(message.over === 'done' ? 'done' : { error: this.#errorOf(message.over) });
    this.#wake();
  }

  /** The thread is no more. */
  lost(why: string): void {
    this.#lost = true;
    this.#finish({ error: new TransportError('broken', why) });
    this.#wake();
  }

  #head({ status, headers }: Pick<TransportResponse, 'status' | 'headers'>, text: string | undefined): void {
    const discard = async (): Promise<void> => {
      this.#cancel();
      await this.#over;
    };
    this.#answer({
      status,
      headers,
      body: text === undefined ? onlyPlaced() : bodyOf(text),
      ...(text === undefined ? { place: (place) => this.#place(place) } : {}),
      discard,
    });
  }

  async *#place(place: FilePlace): AsyncGenerator<Placed, void, undefined> {
    this.#tell({ place });
    try {
      for (;;) {
        const placed = this.#placed.shift();
        if (placed !== undefined) yield placed;
        else if (this.#end === 'done') return;
        else if (this.#end !== 'open') throw this.#end.error;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#cancel();
      await this.#over;
    }
  }

  #finish(end: 'done' | { readonly error: unknown }): void {
    if (this.#end !== 'open') return;
    this.#end = end;
    this.#signal?.removeEventListener('abort', this.#cancel);
    this.#settle();
    this.#refuse(typeof end === 'object' ? end.error : new TransportError('broken', 'cancelled'));
  }

  /** An abort is the caller's own, whatever it made the thread say. */
  #errorOf({ message, failure, code, syscall }: ThreadFailure): unknown {
    if (this.#signal?.aborted === true) return this.#signal.reason;
    if (failure !== undefined) return new TransportError(failure, message);
    return Object.assign(new Error(message), code === undefined ? {} : { code, syscall });
  }
}

async function* bodyOf(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(Buffer.from(text));
}

// oxlint-disable-next-line require-yield -- there is nothing to hand out
async function* onlyPlaced(): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
  throw new TypeError('the body of a request with `fileBytes` is received by `place`');
}
