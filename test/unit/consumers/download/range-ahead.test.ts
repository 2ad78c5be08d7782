import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RangeAhead } from '../../../../consumers/download/range-ahead.ts';

/** Chunks of ten bytes, and how many have been taken. */
function source(count: number, end?: Error) {
  const seen = { taken: 0, ended: 0 };
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let nth = 0; nth < count; nth += 1) {
      seen.taken += 1;
      yield await Promise.resolve(Buffer.alloc(10, nth));
    }
    if (end !== undefined) throw end;
  }
  return { seen, chunks: chunks(), onEnd: () => void (seen.ended += 1) };
}

async function all(range: RangeAhead): Promise<string> {
  const got: number[] = [];
  for await (const chunk of range.chunks()) got.push(chunk[0] ?? -1);
  return got.join();
}

/** Long enough for all that only waits for promises. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await setImmediate();
};

describe('a range ahead', () => {
  it('is read before its turn, and handed out in order', async () => {
    const { chunks, seen, onEnd } = source(5);
    const range = new RangeAhead(chunks, 100, onEnd);
    await settle();
    expect(seen).toEqual({ taken: 5, ended: 1 });
    expect(await all(range)).toBe('0,1,2,3,4');
  });

  it('lets its connection go when exactly as much waits as may', async () => {
    const { chunks, seen, onEnd } = source(10);
    void new RangeAhead(chunks, 100, onEnd);
    await settle();
    expect(seen).toEqual({ taken: 10, ended: 1 });
  });

  it('reads no further while more waits, and goes on when it is taken', async () => {
    const { chunks, seen, onEnd } = source(20);
    const range = new RangeAhead(chunks, 30, onEnd);
    await settle();
    expect(seen).toEqual({ taken: 4, ended: 0 });
    expect(await all(range)).toBe(Array.from({ length: 20 }, (_, nth) => nth).join());
    expect(seen).toEqual({ taken: 20, ended: 1 });
  });

  it('hands out what came before an error', async () => {
    const { chunks, onEnd } = source(2, new Error('broken'));
    const range = new RangeAhead(chunks, 100, onEnd);
    await settle();
    const got: number[] = [];
    const read = async (): Promise<void> => {
      for await (const chunk of range.chunks()) got.push(chunk[0] ?? -1);
    };
    await expect(read()).rejects.toThrow('broken');
    expect(got).toEqual([0, 1]);
  });

  it('lets go though it waits for room, and does not wait again', async () => {
    const { chunks, seen, onEnd } = source(50);
    const range = new RangeAhead(chunks, 30, onEnd);
    await settle();
    expect(seen.ended).toBe(0);
    await range.letGo();
    expect(seen.ended).toBe(1);
  });
});
