import { describe, expect, it } from 'vitest';
import {
  createClockOffset,
  learnServerTime,
  storeNowMs,
} from '../../../../consumers/download/clock-offset.ts';
import { resolveTransferOptions, type DownloadOptions } from '../../../../consumers/download/options.ts';
import { toStores } from '../../../../shared/stores.ts';
import { checkTarget } from '../../../../consumers/download/target.ts';
import { systemClock } from '../../../../shared/clock.ts';

describe('resolveTransferOptions', () => {
  it('fills in every default', () => {
    expect(resolveTransferOptions({})).toMatchObject({
      partSizeBytes: 8_388_608,
      connections: 8,
      singleGetBelowBytes: 16_777_216,
      earlyRefetch: true,
      stallTimeoutMs: 30_000,
      connectTimeoutMs: 10_000,
      deadlineMs: undefined,
      maxRefetchesWithoutProgress: 3,
      verify: { sha256: true, crc32c: true },
      durable: true,
      minBytesPerSecond: 0,
      hedge: true,
      clockOffset: { offsetMs: 0 },
    });
  });

  it.each([
    ['partSizeBytes', { partSizeBytes: 0 }],
    ['connections', { connections: 33 }],
    ['connections', { connections: 1.5 }],
    ['singleGetBelowBytes', { singleGetBelowBytes: -1 }],
    ['stallTimeoutMs', { stallTimeoutMs: 0 }],
    ['connectTimeoutMs', { connectTimeoutMs: Number.NaN }],
    ['deadlineMs', { deadlineMs: 0 }],
    ['maxRefetchesWithoutProgress', { maxRefetchesWithoutProgress: 0 }],
    ['minBytesPerSecond', { minBytesPerSecond: -1 }],
    ['retry.maxAttempts', { retry: { maxAttempts: 0 } }],
  ] as [string, Partial<DownloadOptions>][])('refuses a wrong %s', (field, options) => {
    expect(() => resolveTransferOptions(options)).toThrow(RangeError);
    expect(() => resolveTransferOptions(options)).toThrow(field);
  });

  it('refuses flags that are none', () => {
    const options = { earlyRefetch: 'no' } as unknown as DownloadOptions;
    expect(() => resolveTransferOptions(options)).toThrow('earlyRefetch: got "no", expected true or false');
  });
});

describe('the transport option', () => {
  it('names an engine that all downloads share, or is one', () => {
    const { transport } = resolveTransferOptions({});
    expect(resolveTransferOptions({ transport: 'auto' }).transport).toBe(transport);
    expect(resolveTransferOptions({ transport: 'undici' }).transport).not.toBe(transport);
    expect(resolveTransferOptions({ transport }).transport).toBe(transport);
    const proxied = resolveTransferOptions({ proxy: { httpProxy: 'http://127.0.0.1:9' } });
    expect(proxied.transport).not.toBe(transport);
  });

  it.each(['quick', 1, {}, null])('refuses %j', (transport) => {
    const options = { transport } as unknown as DownloadOptions;
    expect(() => resolveTransferOptions(options)).toThrow('transport: got');
  });
});

describe('toStores', () => {
  it('takes configuration and resolved stores, also a store named "get"', () => {
    const resolved = toStores({ get: { bucket: 'bucket', region: 'r' } });
    expect(resolved.get('get').bucket).toBe('bucket');
    expect(toStores(resolved)).toBe(resolved);
  });
});

describe('checkTarget', () => {
  it.each([{ path: '' }, { path: 'a', partialPath: '' }, { path: 'a', partialPath: 'a' }, { writable: {} }])(
    'refuses %j',
    (target) => {
      expect(() => checkTarget(target as { path: string })).toThrow(TypeError);
    },
  );
});

describe('the clock offset', () => {
  it('is learned from what the store says, noise aside', () => {
    const clock = { ...systemClock, nowMs: () => 1_000_000 };
    const offset = createClockOffset();
    learnServerTime(clock, offset, 1_002_000);
    expect(offset.offsetMs).toBe(0);
    learnServerTime(clock, offset, Number.NaN);
    learnServerTime(clock, offset, 4_600_000);
    expect(storeNowMs(clock, offset)).toBe(4_600_000);
  });
});
