import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { download, downloadBytes, type DownloadOptions } from '../../../../consumers/download/index.ts';
import type { Fault } from '../../../../local/index.ts';
import {
  AccessRefusedError,
  ChecksumMismatchError,
  ForeignUrlError,
  ObjectChangedError,
  PayloadGoneError,
  RangeMismatchError,
  TransferError,
  TransferStalledError,
  UnknownStoreError,
  UrlExpiredError,
  UrlServiceError,
} from '../../../../shared/errors.ts';
import { SecretUrl, type Attachment } from '../../../../shared/events/index.ts';
import { TRANSPORTS, createWorld, exists, kinds, patternBytes, transportOf, type World } from './world.ts';

const KIB = 1024;
const SIZE = 300 * KIB;
const bytes = patternBytes(SIZE);
const PARTS = { partSizeBytes: 64 * KIB, singleGetBelowBytes: 0, connections: 1 } as const;

describe.each(TRANSPORTS)('over %s', (name) => {
  const transport = transportOf(name);
  let world: World;
  let attachment: Attachment;
  let count = 0;

  beforeAll(async () => {
    world = await createWorld(transport);
  });
  afterEach(() => {
    world.faults.clear();
    world.events.length = 0;
    world.source.calls.length = 0;
    world.source.answer = undefined;
    world.source.ttlSeconds = 900;
    world.clock.sleeps.length = 0;
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  /** The next GETs meet these faults: one rule after the other, `undefined` for none. */
  function next(...faults: (Fault | undefined)[]): void {
    faults.forEach((fault, skip) => {
      if (fault !== undefined) world.faults.add({ match: { operation: 'GetObject' }, skip, faults: fault });
    });
  }

  function always(fault: Fault): void {
    world.faults.add({ match: { operation: 'GetObject' }, times: Infinity, faults: fault });
  }

  async function run(options: Partial<DownloadOptions> = {}, of?: Attachment) {
    const path = world.path(`replies-${(count += 1)}`);
    const target = of ?? (attachment = await world.put(`replies-${count}`, bytes));
    const result = await download(target, { path }, world.options(options));
    expect(bytes.equals(await readFile(path))).toBe(true);
    return result;
  }

  const expired: Fault = { kind: 'expire-now' };
  const refused: Fault = { kind: 'status', status: 403, code: 'AccessDenied', message: 'Access Denied' };

  describe('an expired URL', () => {
    it('is refetched after the refusal, and the bytes go on where they were', async () => {
      next({ kind: 'cut', afterBytes: 100_000 }, expired);
      const result = await run({ earlyRefetch: false });
      expect(result).toMatchObject({ refetches: 1, retries: 1, resumedAtBytes: [100_000], repeatedBytes: 0 });
      expect(kinds(world.events)).toEqual([
        'started',
        'retrying',
        'expired',
        'refetching',
        'refetched',
        'resumed',
        'verifying',
        'verified',
      ]);
    });

    it('is not tried when the event came too late, and refetched at once', async () => {
      const late = await world.put('late', bytes, 60);
      world.clock.advance(61_000);
      expect(await run({}, late)).toMatchObject({ refetches: 1, repeatedBytes: 0 });
      expect(kinds(world.events)).not.toContain('expired');
    });

    it('is refetched before its end', async () => {
      const soon = await world.put('soon', bytes, 100);
      world.clock.advance(85_000);
      // Used once, as it came; then renewed before the second range.
      expect(await run(PARTS, soon)).toMatchObject({ refetches: 1 });
      expect(kinds(world.events)).not.toContain('expired');
    });

    it('is used to its end when early refetching is off', async () => {
      const soon = await world.put('to-the-end', bytes, 100);
      world.clock.advance(99_000);
      expect(await run({ ...PARTS, earlyRefetch: false }, soon)).toMatchObject({ refetches: 0 });
    });

    it('keeps serving while the URL service is down, as long as it lives', async () => {
      const soon = await world.put('service-down', bytes, 100);
      world.clock.advance(85_000);
      world.source.answer = () => Promise.reject(new UrlServiceError('down'));
      expect(await run(PARTS, soon)).toMatchObject({ repeatedBytes: 0 });
    });

    it('fails with UrlExpiredError when there is no source of fresh ones', async () => {
      const late = await world.put('no-source', bytes, 60);
      const { urlSource: _, ...options } = world.options();
      next(expired);
      await expect(download(late, { path: world.path('x') }, options)).rejects.toThrow(UrlExpiredError);
      const { access: __, ...without } = late;
      await expect(download(without, { path: world.path('x') }, options)).rejects.toThrow(UrlExpiredError);
      world.clock.advance(61_000);
      await expect(download(late, { path: world.path('x') }, options)).rejects.toThrow(UrlExpiredError);
    });

    it('fails after three fresh URLs without a byte', async () => {
      always(expired);
      await expect(run({ earlyRefetch: false })).rejects.toThrow(UrlExpiredError);
      expect(world.source.calls).toHaveLength(3);
    });

    it('may be refetched any number of times as long as bytes come', async () => {
      for (let n = 0; n < 8; n += 1) {
        world.faults.add({
          match: { operation: 'GetObject' },
          skip: 2 * n,
          faults: { kind: 'cut', afterBytes: 20_000 },
        });
        world.faults.add({ match: { operation: 'GetObject' }, skip: 2 * n + 1, faults: expired });
      }
      expect(await run({ earlyRefetch: false })).toMatchObject({ refetches: 8, repeatedBytes: 0 });
    });

    it('teaches the clock of the store', async () => {
      const clockOffset = { offsetMs: -3_600_000 };
      const fresh = await world.put('offset', bytes, 900);
      next(expired);
      await run({ clockOffset }, fresh);
      expect(clockOffset.offsetMs).toBe(0);
    });

    it('is refetched when its signer’s session died', async () => {
      next({ kind: 'status', status: 400, code: 'ExpiredToken', message: 'The provided token has expired.' });
      expect(await run()).toMatchObject({ refetches: 1, repeatedBytes: 0 });
    });

    it('is known by its own deadline when the store says nothing (Ceph)', async () => {
      const soon = await world.put('ceph', bytes, 60);
      next(
        { kind: 'cut', afterBytes: 1_000 },
        { kind: 'reply', status: 403, body: '<Error><Code>AccessDenied</Code><Message></Message></Error>' },
      );
      await run(
        {
          earlyRefetch: false,
          onEvent(event) {
            world.events.push(event);
            if (event.kind === 'retrying') world.clock.advance(61_000);
          },
        },
        soon,
      );
      expect(kinds(world.events)).toContain('expired');
    });
  });

  describe('one refetch at a time', () => {
    it('asks once when ten parallel ranges find the URL stale', async () => {
      const late = await world.put('flight-late', bytes, 60);
      world.clock.advance(61_000);
      await run({ partSizeBytes: 30 * KIB, singleGetBelowBytes: 0, connections: 10 }, late);
      expect(world.source.calls).toHaveLength(1);
    });

    it('asks once when ten parallel ranges are refused', async () => {
      const early = await world.put('flight-refused', bytes, 60);
      world.faults.add({ match: { operation: 'GetObject' }, times: 10, faults: expired });
      const hitsBefore = world.faults.hits;
      world.source.answer = async (fresh) => {
        // The fresh URL comes when all ten have been refused
        for (let turn = 0; turn < 10_000 && world.faults.hits < hitsBefore + 10; turn += 1) await nextTurn();
        return fresh;
      };
      await run({ partSizeBytes: 30 * KIB, singleGetBelowBytes: 0, connections: 10 }, early);
      expect(world.source.calls).toHaveLength(1);
    });
  });

  describe('a refusal', () => {
    it('is mended by one fresh URL', async () => {
      next(refused);
      expect(await run()).toMatchObject({ refetches: 1 });
    });

    it.each([
      ['403 AccessDenied', refused],
      ['403 SignatureDoesNotMatch', { kind: 'status', status: 403, code: 'SignatureDoesNotMatch' }],
      ['404 NoSuchBucket', { kind: 'status', status: 404, code: 'NoSuchBucket' }],
      ['400 KMS', { kind: 'status', status: 400, code: 'KMS.DisabledException' }],
      ['301', { kind: 'reply', status: 301, headers: { location: 'http://127.0.0.1:1/' } }],
      ['307', { kind: 'reply', status: 307, headers: { location: 'http://127.0.0.1:1/' } }],
      ['a huge body', { kind: 'reply', status: 403, body: 'x'.repeat(3_000_000) }],
    ] as [string, Fault][])('is final after one refetch: %s', async (_, fault) => {
      always(fault);
      await expect(run()).rejects.toThrow(AccessRefusedError);
      expect(world.source.calls).toHaveLength(1);
    });

    it('for the clock is waited for, once more', async () => {
      const early: Fault = {
        kind: 'status',
        status: 403,
        code: 'AccessDenied',
        message: 'Request is not yet valid',
      };
      next(early);
      expect(await run()).toMatchObject({ refetches: 0 });
      expect(world.clock.sleeps).toEqual([1_000]);
      always(early);
      await expect(run()).rejects.toThrow(AccessRefusedError);
    });
  });

  describe('a missing object', () => {
    const missing: Fault = { kind: 'status', status: 404, code: 'NoSuchVersion' };

    it('is the URL service’s word to say', async () => {
      always(missing);
      world.source.answer = () => Promise.reject(new PayloadGoneError('revoked'));
      await expect(run()).rejects.toThrow('revoked');
    });

    it('is gone when it is missing with a fresh URL too', async () => {
      always(missing);
      await expect(run()).rejects.toThrow(PayloadGoneError);
      expect(world.source.calls).toHaveLength(1);
    });

    it('is found again with a fresh URL', async () => {
      next(missing);
      expect(await run()).toMatchObject({ refetches: 1 });
    });
  });

  describe('another object', () => {
    it.each([
      ['412', { kind: 'status', status: 412, code: 'PreconditionFailed' }],
      ['another etag', { kind: 'wrong-etag' }],
    ] as [string, Fault][])('fails with ObjectChangedError and leaves nothing: %s', async (_, fault) => {
      next({ kind: 'cut', afterBytes: 70_000 }, fault);
      await expect(run()).rejects.toThrow(ObjectChangedError);
      expect(await exists(world.path(`replies-${count}.waybill-part`))).toBe(false);
      expect(await exists(world.path(`replies-${count}`))).toBe(false);
    });

    it.each(['versionId', 'size', 'digest'] as const)(
      'is refused when the fresh URL has another %s',
      async (field) => {
        const { access: _, ...without } = await world.put('fresh-differs', bytes);
        const other = { versionId: 'other', size: 1, digest: `sha-256=:${'A'.repeat(43)}=:` };
        world.source.answer = (fresh) => ({ ...fresh, [field]: other[field] });
        await expect(run({}, without)).rejects.toThrow(ObjectChangedError);
      },
    );

    it('is refused when the fresh URL leads elsewhere, and the URL is not shown', async () => {
      const { access: _, ...without } = await world.put('fresh-foreign', bytes);
      world.source.answer = (fresh) => ({
        ...fresh,
        access: {
          ...fresh.access,
          url: new SecretUrl(fresh.access.url.reveal().replace('127.0.0.1', '127.0.0.2')),
        },
      });
      const error = await run({}, without).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ForeignUrlError);
      expect(JSON.stringify(error) + String(error)).not.toContain('X-Amz-Signature=');
    });

    it('is refused when the event’s URL leads elsewhere or its store is unknown', async () => {
      const here = await world.put('event-foreign', bytes);
      await expect(run({}, { ...here, key: 'another' })).rejects.toThrow(ForeignUrlError);
      await expect(run({}, { ...here, store: 'nowhere' })).rejects.toThrow(UnknownStoreError);
    });
  });

  describe('a wrong range', () => {
    it.each([
      ['200 to a range', { kind: 'ignore-range' }],
      ['another range', { kind: 'wrong-range' }],
      ['416', { kind: 'status', status: 416, code: 'InvalidRange' }],
    ] as [string, Fault][])('drops everything and begins again once: %s', async (_, fault) => {
      next(undefined, undefined, fault);
      expect(await run(PARTS)).toMatchObject({ restarts: 1, sizeBytes: SIZE });
      always(fault);
      await expect(run(PARTS)).rejects.toThrow(RangeMismatchError);
      expect(await exists(world.path(`replies-${count}.waybill-part`))).toBe(false);
    });
  });

  describe('a transient fault', () => {
    it.each([
      ['503', { kind: 'status', status: 503, code: 'SlowDown' }],
      ['500', { kind: 'status', status: 500 }],
      ['409', { kind: 'status', status: 409, code: 'OperationAborted' }],
      ['400 RequestTimeout', { kind: 'status', status: 400, code: 'RequestTimeout' }],
      ['a cut', { kind: 'cut', afterBytes: 10_000 }],
      ['no answer', { kind: 'drop-response' }],
      ['a stall', { kind: 'stall', afterBytes: 10_000 }],
    ] as [string, Fault][])('is retried from the byte reached: %s', async (_, fault) => {
      next(fault, fault, fault);
      expect(await run({ stallTimeoutMs: 200 })).toMatchObject({ retries: 3, repeatedBytes: 0, restarts: 0 });
    });

    it.each([
      ['TransferError', TransferError, { kind: 'status', status: 503 }],
      ['TransferStalledError', TransferStalledError, { kind: 'stall', afterBytes: 0 }],
    ] as [string, typeof TransferError, Fault][])(
      'fails with %s when the budget is used up',
      async (_, leaf, fault) => {
        always(fault);
        const failed = run({ stallTimeoutMs: 50, retry: { maxAttempts: 3, backoffBaseMs: 100 } });
        await expect(failed).rejects.toThrow(leaf);
        expect(world.clock.sleeps).toEqual([50, 100]); // half of 100 and of 200: the random source says 0.5
      },
    );

    it('waits as long as Retry-After says, but at most a minute', async () => {
      next(
        { kind: 'reply', status: 503, headers: { 'retry-after': '7' } },
        { kind: 'reply', status: 429, headers: { 'retry-after': '86400' } },
      );
      await run();
      expect(world.clock.sleeps).toEqual([7_000, 60_000]);
    });
  });

  describe('wrong bytes', () => {
    it('are fetched again once from zero', async () => {
      next({ kind: 'flip-byte', at: 1_234 });
      expect(await run()).toMatchObject({ restarts: 1, repeatedBytes: SIZE });
      next(undefined, { kind: 'flip-byte', at: 1_234 });
      expect(await run(PARTS)).toMatchObject({ restarts: 1 });
    });

    it('fail with ChecksumMismatchError when they come again, and leave no file', async () => {
      always({ kind: 'flip-byte', at: 1_234 });
      await expect(run()).rejects.toThrow(ChecksumMismatchError);
      expect(await exists(world.path(`replies-${count}`))).toBe(false);
      expect(await exists(world.path(`replies-${count}.waybill-part`))).toBe(false);
      const options = { verify: { sha256: false } };
      await expect(run(options)).rejects.toThrow(/CRC32C/);
      await expect(downloadBytes(attachment, { maxBytes: SIZE }, world.options())).rejects.toThrow(
        ChecksumMismatchError,
      );
    });

    it('are fetched again once from zero into memory', async () => {
      const there = await world.put('memory', bytes);
      next({ kind: 'flip-byte', at: 9 });
      const got = await downloadBytes(there, { maxBytes: SIZE }, world.options());
      expect(bytes.equals(got)).toBe(true);
    });
  });
});
