import { describe, expect, test } from 'vitest';
import { createObserved } from '../../../../consumers/idempotency/observed.ts';

describe('what an observer remembers', () => {
  test('counts from the first answer to the latest question, not to its answer', () => {
    const observed = createObserved(10);
    expect(observed.unchangedMs('a', '1', 100, 150)).toBe(0);
    expect(observed.unchangedMs('a', '1', 400, 9_000)).toBe(250);
  });

  test('begins anew when the etag changes, and when the key is forgotten', () => {
    const observed = createObserved(10);
    observed.unchangedMs('a', '1', 0, 0);
    expect(observed.unchangedMs('a', '2', 500, 500)).toBe(0);
    expect(observed.unchangedMs('a', '2', 600, 600)).toBe(100);
    observed.forget('a');
    expect(observed.unchangedMs('a', '2', 700, 700)).toBe(0);
  });

  test('holds no more keys than it may, and forgets the one not asked about for longest', () => {
    const observed = createObserved(2);
    observed.unchangedMs('a', '1', 0, 0);
    observed.unchangedMs('b', '1', 0, 0);
    observed.unchangedMs('a', '1', 10, 10);
    observed.unchangedMs('c', '1', 20, 20);
    expect(observed.size).toBe(2);
    expect(observed.unchangedMs('a', '1', 30, 30)).toBe(30);
    expect(observed.unchangedMs('b', '1', 40, 40)).toBe(0);
  });
});
