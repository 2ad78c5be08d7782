import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBlockPool } from '../../../../../consumers/download/fast/block-pool.ts';

const KIB = 1024;
const SMALL = { blockBytes: 64 * KIB, maxBytes: 512 * KIB };

describe('a pool of blocks', () => {
  it('lends whole blocks to few and halves to many, up to its limit', () => {
    const pool = createBlockPool(SMALL);
    const sizes: number[] = [];
    for (let block = pool.take(false); block !== undefined; block = pool.take(false))
      sizes.push(block.length);
    expect(sizes).toEqual([...Array<number>(4).fill(64 * KIB), ...Array<number>(8).fill(32 * KIB)]);
    expect([pool.lentBlocks, pool.heldBytes]).toEqual([12, 512 * KIB]);
  });

  it('lends 24 connections three blocks each within its default of 16 MiB, and 32 at least one', () => {
    for (const connections of [24, 32]) {
      const pool = createBlockPool();
      let blocks = 0;
      for (let turn = 0; turn < 3; turn += 1) {
        for (let one = 0; one < connections; one += 1) {
          if (pool.take(turn === 0) !== undefined) blocks += 1;
        }
      }
      expect(pool.heldBytes).toBeLessThanOrEqual(16 * KIB ** 2);
      expect(blocks).toBe(48);
    }
  });

  it('never lends a block twice, never holds more than it says, and takes all back', () => {
    const steps = fc.array(fc.constantFrom('take', 'always', 'give'), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (todo) => {
        const pool = createBlockPool(SMALL);
        const lent: Buffer[] = [];
        let most = 0;
        for (const step of todo) {
          const block = step === 'give' ? undefined : pool.take(step === 'always');
          if (block !== undefined) {
            expect(lent.includes(block)).toBe(false);
            lent.push(block);
          } else if (step === 'give') {
            const back = lent.shift();
            if (back !== undefined) pool.give(back);
          }
          const bytes = lent.reduce((sum, { length }) => sum + length, 0);
          most = Math.max(most, bytes);
          expect(pool.lentBlocks).toBe(lent.length);
          expect(pool.heldBytes).toBeLessThanOrEqual(most + SMALL.maxBytes / 2);
          if (!todo.includes('always')) expect(bytes).toBeLessThanOrEqual(SMALL.maxBytes);
        }
        for (const block of lent.splice(0)) pool.give(block);
        expect(pool.lentBlocks).toBe(0);
      }),
    );
  });
});
