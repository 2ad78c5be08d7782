/** Collects what many callers add, and makes it durable in as few turns as possible. */
export interface GroupCommit<T> {
  /** Adds an item to the next turn. */
  add(item: T): void;
  /**
   * Resolves when everything added so far is durable: many callers share one turn.
   * @throws what the flush threw; from then on every commit throws it, for what is on disk is unknown.
   */
  commit(): Promise<void>;
}

/**
 * Makes a group commit around `flush`.
 * @param flush makes items durable; never called twice at a time.
 */
export function createGroupCommit<T>(flush: (items: readonly T[]) => Promise<void>): GroupCommit<T> {
  let pending: T[] = [];
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let failure: Error | undefined;

  const turn = async (after: Promise<void> | undefined): Promise<void> => {
    await after?.catch(() => {}); // those who waited for it have the error; whoever comes meanwhile shares this turn
    running = next;
    next = undefined;
    if (failure !== undefined) throw failure;
    const items = pending;
    pending = [];
    try {
      await flush(items);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw failure;
    }
  };

  return {
    add: (item) => void pending.push(item),
    commit: async () => {
      if (failure !== undefined) throw failure;
      if (pending.length === 0) return await running;
      next ??= turn(running);
      await next;
    },
  };
}
