/** Gathers single questions into joint calls. */
export interface Batcher<In, Out> {
  /**
   * Asks with whoever asks in the same turn of the event loop.
   * @throws the signal's reason as soon as it aborts; the others of the batch are not disturbed, and the joint call
   * is aborted only when nobody waits for it any more
   */
  submit(item: In, signal: AbortSignal | undefined): Promise<Out>;
}

interface Waiting<In, Out> {
  readonly item: In;
  readonly resolve: (answer: Out) => void;
  readonly reject: (error: unknown) => void;
  /** Set while the joint call is under way. */
  leave: (() => void) | undefined;
}

/**
 * Makes a batcher.
 * @param run answers all items, in order. Its signal aborts when all askers have left.
 */
export function createBatcher<In, Out>(options: {
  readonly maxItems: number;
  readonly run: (items: readonly In[], signal: AbortSignal) => Promise<readonly Out[]>;
}): Batcher<In, Out> {
  const waiting = new Set<Waiting<In, Out>>();

  const runBatch = async (batch: readonly Waiting<In, Out>[]): Promise<void> => {
    const controller = new AbortController();
    let present = batch.length;
    for (const entry of batch) {
      entry.leave = () => {
        present -= 1;
        if (present === 0) controller.abort(new Error('nobody waits for the answer'));
      };
    }
    try {
      const answers = await options.run(
        batch.map(({ item }) => item),
        controller.signal,
      );
      for (const [index, entry] of batch.entries()) entry.resolve(answers[index] as Out);
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
  };

  const flush = (): void => {
    const all = [...waiting];
    waiting.clear();
    for (let at = 0; at < all.length; at += options.maxItems)
      void runBatch(all.slice(at, at + options.maxItems));
  };

  return {
    async submit(item, signal) {
      signal?.throwIfAborted();
      let onAbort: (() => void) | undefined;
      try {
        return await new Promise<Out>((resolve, reject) => {
          const entry: Waiting<In, Out> = { item, resolve, reject, leave: undefined };
          if (waiting.size === 0) setImmediate(flush);
          waiting.add(entry);
          onAbort = (): void => {
            waiting.delete(entry);
            entry.leave?.();
            // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is passed on as it is
            reject(signal?.reason);
          };
          signal?.addEventListener('abort', onAbort, { once: true });
        });
      } finally {
        if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      }
    },
  };
}
