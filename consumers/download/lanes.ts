/** Bytes between two looks, so that each has some milliseconds behind it. */
const BYTES_BETWEEN = 8 * 1024 ** 2;

/** Above this share of its time a thread is busy, whatever it waits for in between. */
const BUSY = 0.95;

/** Below this share it waits for the network. */
const WAITING = 0.8;

/** How long the thread has been idle and active, in milliseconds, as `performance.eventLoopUtilization` counts. */
export type Utilization = Readonly<Record<'idle' | 'active', number>>;

/**
 * How many connections one thread has use for. Connections are there because each brings so much and no more; once the
 * thread itself has no time left, further ones bring nothing, and hold memory and caches. So they are halved while it
 * is busy all the time, and doubled, up to `most`, while it waits.
 */
export class Lanes {
  readonly #most: number;
  readonly #utilization: () => Utilization;
  #count: number;
  #bytes = 0;
  #before: Utilization;

  constructor(most: number, utilization: () => Utilization = () => performance.eventLoopUtilization()) {
    this.#most = most;
    this.#count = Math.min(most, Math.max(2, Math.ceil(most / 2)));
    this.#utilization = utilization;
    this.#before = utilization();
  }

  /** From 1 to `most`. */
  get count(): number {
    return this.#count;
  }

  /** So many more bytes have come. */
  came(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < BYTES_BETWEEN) return;
    const now = this.#utilization();
    const active = now.active - this.#before.active;
    const busy = active / (active + now.idle - this.#before.idle);
    [this.#bytes, this.#before] = [0, now];
    if (busy > BUSY) this.#count = Math.ceil(this.#count / 2);
    else if (busy < WAITING) this.#count = Math.min(this.#most, this.#count * 2);
  }
}
