import { describe, expect, it } from 'vitest';
import { presignedLife, refetchDueMs } from '../../../../consumers/download/expiry.ts';

const noJitter = (): number => 0;
const life = (seconds: number) => ({ issuedAtMs: 0, expiresAtMs: seconds * 1_000 });

describe('refetchDueMs', () => {
  it.each([
    [100, 80], // 20 %
    [900, 720],
    [86_400, 86_100], // five minutes at most
    [20, 15], // five seconds at least
    [10, 5],
    [4, 2], // but no more than half of the lifetime
    [0, 0],
  ])('renews a URL of %d s after %d s', (lifetime, due) => {
    expect(refetchDueMs(life(lifetime), noJitter)).toBe(due * 1_000);
  });

  it('is earlier by up to a fifth of the skew, never later', () => {
    expect(refetchDueMs(life(100), () => 0.5)).toBe(78_000);
    expect(refetchDueMs(life(100), () => 1)).toBe(76_000);
  });

  it('takes a life that ends before it begins for none', () => {
    expect(refetchDueMs({ issuedAtMs: 5_000, expiresAtMs: 1_000 }, noJitter)).toBe(1_000);
  });
});

describe('presignedLife', () => {
  it('reads date and seconds of a SigV4 query', () => {
    const url = 'https://b.example/k?X-Amz-Date=20260131T120000Z&X-Amz-Expires=300&X-Amz-Signature=0';
    const issuedAtMs = Date.parse('2026-01-31T12:00:00Z');
    expect(presignedLife(url)).toEqual({ issuedAtMs, expiresAtMs: issuedAtMs + 300_000 });
  });

  it.each(['https://b.example/k', 'https://b.example/k?X-Amz-Date=soon&X-Amz-Expires=300'])(
    'does not know for %s',
    (url) => {
      expect(presignedLife(url)).toBeUndefined();
    },
  );
});
