import type { Dispatcher } from 'undici';
import type { TransportResponse } from './transport.ts';

/** Bytes that wait for the reader before the connection is paused. */
const HIGH_WATER_MARK_BYTES = 128 * 1024;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * One request over undici, as a handler of its dispatch.
 *
 * undici's own body is a Readable, which throws away what it has buffered when the connection breaks. Here every
 * byte that came is handed out before the error, so a download goes on exactly where the connection broke.
 */
export class UndiciExchange implements Dispatcher.DispatchHandler {
  /** The answer's head; rejects when none comes. */
  readonly response: Promise<TransportResponse>;
  readonly #toError: (error: unknown) => unknown;
  readonly #letGo: () => void;
  #answer: (response: TransportResponse) => void = () => {};
  #refuse: (error: unknown) => void = () => {};
  #controller: Dispatcher.DispatchController | undefined;
  #chunks: Uint8Array[] = [];
  #waitingBytes = 0;
  #end: 'open' | 'done' | { readonly error: unknown } = 'open';
  #wake: () => void = () => {};
  #discarded: Error | undefined;

  /**
   * @param toError makes of undici's errors what shall be thrown
   * @param letGo called once when the connection is no longer needed
   */
  constructor(toError: (error: unknown) => unknown, letGo: () => void) {
    this.#toError = toError;
    this.#letGo = letGo;
    this.response = new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#refuse = reject;
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#discarded !== undefined) controller.abort(this.#discarded);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return;
    this.#answer({
      status,
      headers: flatten(headers),
      body: this.#body(),
      discard: () => {
        if (this.#end === 'open') this.abort(new Error('the rest of the body is not wanted'));
        this.#chunks = [];
      },
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= HIGH_WATER_MARK_BYTES) controller.pause();
    this.#wake();
  }

  onResponseEnd(): void {
    this.#finish('done');
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const mapped = this.#toError(error);
    this.#finish({ error: mapped });
    this.#refuse(mapped);
  }

  /** Ends request and body with this error. */
  abort(error: Error): void {
    this.#discarded = error;
    if (this.#controller !== undefined) return this.#controller.abort(error);
    // Still connecting: nobody needs to wait for that.
    const mapped = this.#toError(error);
    this.#finish({ error: mapped });
    this.#refuse(mapped);
  }

  #finish(end: 'done' | { readonly error: unknown }): void {
    if (this.#end !== 'open') return;
    this.#end = end;
    this.#letGo();
    this.#wake();
  }

  async *#body(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.#waitingBytes -= chunk.length;
        continue;
      }
      if (this.#end === 'done') return;
      if (this.#end !== 'open') throw this.#end.error;
      const news = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#controller?.resume(); // may hand over chunks before it returns
      await news;
    }
  }
}

function flatten(headers: Headers): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
