/**
 * A range under way before its turn. Its chunks wait; from then on they are handed out as they come. It reads on while no
 * more than `maxWaiting` bytes wait.
 */
export class RangeAhead {
  readonly #over: Promise<void>;
  readonly #maxWaiting: number;
  readonly #chunks: Buffer[] = [];
  #waiting = 0;
  #end: 'open' | 'done' | { readonly error: unknown } = 'open';
  #unwanted = false;
  #wake: () => void = () => {};
  #makeRoom: () => void = () => {};

  /**
   * @param chunks memory that may be kept
   * @param onEnd called when all has come, or none will any more
   */
  constructor(chunks: AsyncIterable<Uint8Array>, maxWaiting: number, onEnd: () => void) {
    this.#maxWaiting = maxWaiting;
    this.#over = this.#read(chunks).finally(onEnd);
  }

  async #read(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const { buffer, byteOffset, length } of chunks) {
        this.#chunks.push(Buffer.from(buffer, byteOffset, length));
        this.#waiting += length;
        this.#wake();
        if (this.#waiting > this.#maxWaiting && !this.#unwanted)
          await new Promise<void>((resolve) => (this.#makeRoom = resolve));
      }
      this.#end = 'done';
    } catch (error) {
      this.#end = { error };
    }
    this.#wake();
  }

  /** The chunks in order; once. @throws what reading them threw, after all that came before it */
  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#waiting -= chunk.length;
        if (this.#waiting <= this.#maxWaiting) this.#makeRoom();
        yield chunk;
      } else if (this.#end === 'done') return;
      else if (this.#end !== 'open') throw this.#end.error;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Waits until it has ended, which is up to whoever gave it the chunks: waiting for room does not keep it from that. */
  async letGo(): Promise<void> {
    this.#unwanted = true;
    this.#makeRoom();
    await this.#over;
  }
}
