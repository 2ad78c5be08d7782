/** Runs `work` on up to `count` items ahead of the reader; the results come in the order of the items. */
export async function* readAhead<Item, Result>(
  items: AsyncGenerator<Item>,
  count: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const underWay: Promise<Result>[] = [];
  let ended = false;
  try {
    for (;;) {
      while (!ended && underWay.length < count) {
        const next = await items.next();
        if (next.done === true) {
          ended = true;
          break;
        }
        const result = work(next.value);
        result.catch(() => undefined); // thrown when its turn comes
        underWay.push(result);
      }
      const first = underWay.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    await items.return(undefined);
  }
}
