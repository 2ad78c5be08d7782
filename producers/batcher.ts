/** How long a batch that is not full gathers, in milliseconds of real time. */
const GATHER_MS = 5;

/** Bounds of one batch. */
export interface BatchBounds {
  readonly maxItems: number;
  readonly maxBytes: number;
  /** Batches under way at a time; what comes meanwhile gathers for the next. */
  readonly maxUnderWay: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly bytes: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Makes a function that gathers what it is given within 5 ms, and runs `work` on all of it at once. Everyone in a
 * batch gets its result, or its error.
 */
export function createBatcher<Item, Result>(
  { maxItems, maxBytes, maxUnderWay }: BatchBounds,
  work: (items: readonly Item[]) => Promise<Result>,
): (item: Item, bytes: number) => Promise<Result> {
  const queue: Waiting<Item, Result>[] = [];
  let underWay = 0;
  let scheduled = false;

  const take = (): Waiting<Item, Result>[] => {
    let [count, bytes] = [0, 0];
    for (const waiting of queue) {
      if (count === maxItems || (count > 0 && bytes + waiting.bytes > maxBytes)) break;
      count += 1;
      bytes += waiting.bytes;
    }
    return queue.splice(0, count);
  };

  const run = async (batch: readonly Waiting<Item, Result>[]): Promise<void> => {
    underWay += 1;
    try {
      const result = await work(batch.map(({ item }) => item));
      for (const waiting of batch) waiting.resolve(result);
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    } finally {
      underWay -= 1;
      schedule();
    }
  };

  const schedule = (): void => {
    if (scheduled || queue.length === 0 || underWay >= maxUnderWay) return;
    scheduled = true;
    const start = (): void => {
      scheduled = false;
      for (let free = maxUnderWay - underWay; free > 0 && queue.length > 0; free -= 1) void run(take());
    };
    if (queue.length >= maxItems) setImmediate(start);
    else setTimeout(start, GATHER_MS);
  };

  return async (item, bytes) =>
    await new Promise<Result>((resolve, reject) => {
      queue.push({ item, bytes, resolve, reject });
      schedule();
    });
}
