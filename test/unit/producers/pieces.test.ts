import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isTransientAwsError } from '../../../shared/aws-failure.ts';
import { withDeadline } from '../../../shared/deadline.ts';
import { withGrace } from '../../../producers/grace.ts';
import { mediaTypeFor, mintedAtMs, mintEventId, payloadKey } from '../../../producers/index.ts';
import { takeBatch } from '../../../producers/put-events-batch.ts';
import { retrying } from '../../../shared/retrying.ts';
import { createUploadGate } from '../../../producers/upload-gate.ts';
import { systemClock } from '../../../shared/clock.ts';
import { TransferStalledError } from '../../../shared/errors.ts';

describe('mediaTypeFor', () => {
  it.each([
    ['a.pdf', 'application/pdf'],
    ['A.PDF', 'application/pdf'],
    ['dir.csv/a.tar.gz', 'application/gzip'],
    ['noextension', 'application/octet-stream'],
    ['a.constructor', 'application/octet-stream'],
    ['.', 'application/octet-stream'],
  ])('says of %s: %s', (name, type) => expect(mediaTypeFor(name)).toBe(type));
});

describe('mintEventId', () => {
  it('holds the time, and repeats with the same random', () => {
    const clock = { nowMs: () => 1_700_000_000_123 };
    const id = mintEventId(clock, () => 0.5);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(mintEventId(clock, () => 0.5)).toBe(id);
    expect(mintEventId(clock)).not.toBe(mintEventId(clock));
    expect(mintedAtMs(id)).toBe(1_700_000_000_123);
  });
});

describe('payloadKey', () => {
  it('refuses segments that leave the prefix', () => {
    const parts = { producer: 'p', type: 't', eventId: 'e', attachmentId: 'a' };
    expect(payloadKey(parts)).toBe('payloads/p/t/e/a');
    for (const attachmentId of ['..', '.', '', 'a/b', 'é']) {
      expect(() => payloadKey({ ...parts, attachmentId })).toThrow('attachment id: got');
    }
  });
});

describe('takeBatch', () => {
  const entry = (bytes: number, alone = false) => ({ bytes, alone });
  it.each([
    [Array.from({ length: 12 }, () => entry(1)), 10],
    [[entry(500_000), entry(400_000), entry(1)], 2],
    [[entry(950_000), entry(1)], 1],
    [[entry(1, true), entry(1)], 1],
    [[entry(1), entry(1, true), entry(1)], 1],
    [[], 0],
  ])('takes what fits from the front (%#)', (queue, count) => {
    const before = [...queue];
    expect(takeBatch(queue)).toEqual(before.slice(0, count));
    expect(queue).toEqual(before.slice(count));
  });
});

describe('isTransientAwsError', () => {
  it.each<[object, boolean]>([
    [{ name: 'X', $metadata: { httpStatusCode: 503 } }, true],
    [{ name: 'X', $metadata: { httpStatusCode: 429 } }, true],
    [{ name: 'BadDigest', $metadata: { httpStatusCode: 400 } }, true],
    [{ name: 'Error', code: 'ECONNRESET' }, true],
    [{ name: 'TimeoutError' }, true],
    [{ name: 'AccessDenied', $metadata: { httpStatusCode: 403 } }, false],
    [{ name: 'InvalidSignatureException', $metadata: { clockSkewCorrected: true } }, true],
    [{ name: 'InvalidSignatureException', $metadata: { httpStatusCode: 403 } }, false],
    [{ name: 'CredentialsProviderError' }, false],
    [new TransferStalledError('x'), true],
  ])('%o: %s', (error, transient) => expect(isTransientAwsError(error)).toBe(transient));
});

describe('retrying', () => {
  const policy = {
    retry: { maxAttempts: 3, backoffBaseMs: 0, backoffCapMs: 0 },
    clock: systemClock,
    random: () => 0,
    isTransient: () => true,
  };
  it('throws the last failure once its attempts are used up', async () => {
    let attempts = 0;
    const work = async (): Promise<never> => {
      attempts += 1;
      throw new Error(`attempt ${attempts}`);
    };
    await expect(retrying(work, policy)).rejects.toThrow('attempt 3');
  });

  it('prefers the reason of the signal to the failure', async () => {
    const controller = new AbortController();
    const work = async (): Promise<never> => {
      controller.abort('stop');
      throw new Error('failed');
    };
    await expect(retrying(work, { ...policy, signal: controller.signal })).rejects.toBe('stop');
  });
});

const untilAborted = async (signal: AbortSignal): Promise<never> =>
  await new Promise((_, reject) => {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is passed on as it is
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

describe('withDeadline', () => {
  it('fails with TransferStalledError when nothing answers', async () => {
    const work = withDeadline('GET', 1, undefined, untilAborted);
    await expect(work).rejects.toThrow('GET: no answer within 1 ms');
    await expect(work).rejects.toBeInstanceOf(TransferStalledError);
  });

  it('passes the reason of the signal on, and lets go of it', async () => {
    const controller = new AbortController();
    const work = withDeadline('GET', 60_000, controller.signal, untilAborted);
    controller.abort('why');
    await expect(work).rejects.toBe('why');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });
});

describe('withGrace', () => {
  it('lets work finish after the abort, for a while', async () => {
    const controller = new AbortController();
    const work = withGrace(controller.signal, 60_000, async (signal) => {
      controller.abort();
      return signal.aborted;
    });
    expect(await work).toBe(false);
    const late = new AbortController();
    const stuck = withGrace(late.signal, 1, untilAborted);
    late.abort('over');
    await expect(stuck).rejects.toBe('over');
  });
});

describe('createUploadGate', () => {
  it('keeps the order and the capacity, whatever fails', async () => {
    const gate = createUploadGate(4);
    const log: string[] = [];
    let inside = 0;
    const enter = async (name: string, weight: number): Promise<void> =>
      await gate.run(weight, async () => {
        inside += weight;
        expect(inside).toBeLessThanOrEqual(4);
        log.push(name);
        await new Promise(setImmediate);
        inside -= weight;
        if (name === 'b') throw new Error('b failed');
      });
    const results = await Promise.allSettled([enter('a', 1), enter('b', 1), enter('big', 4), enter('c', 1)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(log).toEqual(['a', 'b', 'big', 'c']);
  });
});
