/** Merges sequences that are in order into one that is. */
export async function* mergeByOrder<T>(
  sources: readonly AsyncGenerator<T>[],
  order: (a: T, b: T) => number,
): AsyncGenerator<T> {
  try {
    const heads = await Promise.all(sources.map(async (source) => ({ source, next: await source.next() })));
    for (;;) {
      let first: { readonly head: (typeof heads)[number]; readonly value: T } | undefined;
      for (const head of heads) {
        if (head.next.done === true) continue;
        const { value } = head.next;
        if (first === undefined || order(value, first.value) < 0) first = { head, value };
      }
      if (first === undefined) return;
      yield first.value;
      first.head.next = await first.head.source.next();
    }
  } finally {
    await Promise.all(sources.map(async (source) => await source.return(undefined)));
  }
}
