import { describe, expect, it } from 'vitest';
import {
  resolvePublisherOptions,
  resolveUploadOptions,
  type PublisherOptions,
} from '../../../producers/index.ts';
import type { ClaimCheckSigner } from '../../../shared/claim-check.ts';
import { Secret } from '../../../shared/secret.ts';

const store = { bucket: 'payloads', region: 'eu-central-1' };
const signer: ClaimCheckSigner = { issuer: 'billing', kid: 'k', sign: async () => new Secret('a.b.c') };
const base: PublisherOptions = { producer: 'billing', stores: { main: store }, bus: 'exchange', signer };

describe('resolvePublisherOptions', () => {
  it('fills in the defaults', () => {
    expect(resolvePublisherOptions(base)).toMatchObject({
      urlTtlSeconds: 900,
      retainDays: 73,
      eventBudgetBytes: 245_760,
      region: 'eu-central-1',
      store: { name: 'main' },
      retry: { maxAttempts: 8 },
      upload: { partSizeBytes: 6_291_456, concurrency: 4, signPayload: false },
    });
  });

  it("takes the region of the bus's ARN, unless told another", () => {
    const bus = 'arn:aws:events:us-west-2:123456789012:event-bus/exchange';
    expect(resolvePublisherOptions({ ...base, bus }).region).toBe('us-west-2');
    expect(resolvePublisherOptions({ ...base, bus, region: 'eu-west-1' }).region).toBe('eu-west-1');
  });

  it('takes false for no URLs', () => {
    expect(resolvePublisherOptions({ ...base, urlTtlSeconds: false }).urlTtlSeconds).toBe(0);
  });

  it('keeps records as soon as there is a control bucket, unless told not to', () => {
    expect(resolvePublisherOptions(base).control).toBeUndefined();
    expect(resolvePublisherOptions({ ...base, control: store }).control).toBe(store);
    expect(resolvePublisherOptions({ ...base, control: store, durability: 'none' }).control).toBeUndefined();
  });

  it('promises as many days as the way of an event may take', () => {
    expect(resolvePublisherOptions({ ...base, delivery: { queueDays: 4, replayDays: 0 } }).retainDays).toBe(
      33,
    );
    expect(resolvePublisherOptions({ ...base, delivery: { replayDays: 0 }, retainDays: 50 }).retainDays).toBe(
      50,
    );
  });

  it.each<[Record<string, unknown>, string]>([
    [{ producer: '' }, 'producer: got ""'],
    [{ producer: 'a/b' }, 'producer: got "a/b"'],
    [{ producer: '..' }, 'producer: got ".."'],
    [{ producer: 'other' }, 'signer.issuer: got "billing", expected the producer "other"'],
    [{ stores: {} }, 'store: got nothing'],
    [{ stores: { a: store, b: store } }, '(known: a, b)'],
    [{ stores: { a: { ...store, bucket: 'X' } } }, 'stores.a.bucket'],
    [{ store: 'else' }, 'store: got "else", expected the name of one of the stores (known: main)'],
    [{ bus: '' }, 'bus: got ""'],
    [{ bus: 'my bus' }, 'bus: got "my bus"'],
    [{ urlTtlSeconds: 604_801 }, 'urlTtlSeconds: got 604801, expected an integer from 0 to 604800 s'],
    [{ urlTtlSeconds: -1 }, 'urlTtlSeconds: got -1'],
    [{ urlTtlSeconds: 0, signer: undefined }, 'urlTtlSeconds: got 0 without a signer'],
    [{ retainDays: 0 }, 'retainDays: got 0'],
    [{ retainDays: 72 }, 'retainDays: got 72, expected at least 73 days'],
    [{ retainDays: 42, delivery: { replayDays: 0 } }, 'retainDays: got 42, expected at least 43 days'],
    [{ delivery: { queueDays: -1 } }, 'delivery.queueDays: got -1'],
    [{ durability: 'outbox' }, 'control: got nothing, expected the control bucket'],
    [{ durability: 'some', control: store }, "durability: got \"some\", expected 'outbox' or 'none'"],
    [{ control: { ...store, bucket: 'X' } }, 'control.bucket'],
    [{ outbox: {} }, 'outbox: got an object, expected none'],
    [{ eventBudgetBytes: 100 }, 'eventBudgetBytes: got 100'],
    [{ endpoint: 'localhost' }, 'endpoint: got "localhost"'],
    [{ region: '' }, 'region: got ""'],
    [{ retry: { maxAttempts: 0 } }, 'retry.maxAttempts: got 0'],
    [{ upload: { partSizeBytes: 1 } }, 'upload.partSizeBytes: got 1'],
  ])('refuses %j', (change, message) => {
    expect(() => resolvePublisherOptions({ ...base, ...change })).toThrow(message);
  });
});

describe('resolveUploadOptions', () => {
  it.each<[Record<string, unknown>, string]>([
    [
      { partSizeBytes: 5 * 1024 ** 2 - 1 },
      'upload.partSizeBytes: got 5242879, expected an integer from 5242880',
    ],
    [{ partSizeBytes: 2 ** 31 }, 'upload.partSizeBytes'],
    [{ multipartThresholdBytes: 0 }, 'upload.multipartThresholdBytes: got 0'],
    [{ concurrency: 65 }, 'upload.concurrency: got 65'],
    [{ attemptTimeoutMs: 0 }, 'upload.attemptTimeoutMs: got 0'],
    [{ signPayload: 1 }, 'upload.signPayload: got 1'],
  ])('refuses %j', (options, message) => {
    expect(() => resolveUploadOptions(options)).toThrow(message);
  });
});
