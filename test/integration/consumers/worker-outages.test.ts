import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteBucketPolicyCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownCredentials, urlServiceClient, type UrlSource } from '../../../consumers/index.ts';
import { systemClock, type Clock } from '../../../shared/clock.ts';
import type { AttachmentInput } from '../../../shared/events/index.ts';
import { s3ClientFor } from '../../../shared/s3-client.ts';
import { resolveStores } from '../../../shared/stores.ts';
import { envelope, orderEvent, startHarness, type Harness, type Watched } from './worker-harness.ts';

/*
 * What every message shares is broken for a while. Each time: the circuit opens and says why, the same worker goes on
 * when it is mended, nothing is dead-lettered, and nothing is lost.
 */

let harness: Harness;
let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'waybill-outage-'));
  harness = await startHarness();
});
afterEach(async () => {
  await harness[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** Delays of the circuit when `random` is 0.1: none is a delay of anything else. */
const CIRCUIT_MS = [2_750, 5_500, 11_000, 22_000, 44_000, 88_000, 275];
const random = (): number => 0.1;

/** The machine's clock, but that it jumps over the times for which a circuit is open. */
function jumping(): Clock {
  let jumpedMs = 0;
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now() + jumpedMs,
    sleep: async (ms, signal) => {
      if (CIRCUIT_MS.every((delayMs) => ms > delayMs || ms < 0.99 * delayMs))
        return await systemClock.sleep(ms, signal);
      jumpedMs += ms;
      await systemClock.sleep(1, signal);
    },
  };
}

/** Events of one small file each. @returns their ids and bytes */
async function sendFiles(
  count: number,
  change: (attachment: AttachmentInput) => AttachmentInput = (attachment) => attachment,
): Promise<Map<string, Buffer>> {
  const sent = new Map<string, Buffer>();
  for (let index = 0; index < count; index += 1) {
    const id = uuidv7();
    const bytes = Buffer.alloc(60_000, `${id} `);
    sent.set(id, bytes);
    await harness.send(envelope(orderEvent(id, [change(await harness.attach(id, bytes))])));
  }
  return sent;
}

const withoutUrl = ({ access: _access, ...attachment }: AttachmentInput): AttachmentInput => attachment;
const own = (): UrlSource =>
  ownCredentials({ stores: harness.stores, credentials: harness.stack.credentials });

/** Everything sent is saved, the queue is empty, and nothing was dead-lettered. @returns most receives of a message */
async function allSaved(
  watched: Watched,
  sent: ReadonlyMap<string, Buffer>,
  directory: string,
): Promise<number> {
  for (const [id, bytes] of sent) {
    await watched.until('succeeded', ({ eventId }) => eventId === id);
    expect((await readFile(join(directory, id, 'files', 'order.txt'))).equals(bytes)).toBe(true);
  }
  await watched.until('circuit-closed');
  expect(watched.worker.ready).toBe(true);
  expect(watched.worker.circuit).toEqual({ state: 'closed' });
  await watched.worker.stop();
  expect(watched.worker.stats).toMatchObject({ rejected: 0, succeeded: sent.size });
  expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  expect(harness.stack.spy.records('message').filter(({ queue }) => queue === 'orders-dlq')).toEqual([]);
  return Math.max(...watched.seen.map((event) => ('receiveCount' in event ? event.receiveCount : 0)));
}

const saving =
  (directory: string) =>
  async (_event: unknown, { saveAll }: { saveAll: (to: string) => Promise<unknown> }): Promise<void> => {
    await saveAll(directory);
  };

/** A small file system of its own; only root may mount one. */
const isRoot = process.getuid?.() === 0;
async function mounted(name: string, options: string): Promise<{ path: string } & AsyncDisposable> {
  const path = join(dir, name);
  await mkdir(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync('umount', [path]);
    },
  };
}

describe('an outage', () => {
  it('of the URL service, two minutes long, costs each message a few receives', async () => {
    const dead = urlServiceClient({
      endpoint: 'http://127.0.0.1:1',
      region: 'us-east-1',
      credentials: harness.stack.credentials,
      retry: { maxAttempts: 2, backoffBaseMs: 1, backoffCapMs: 2 },
    });
    const [clock, alive] = [jumping(), own()];
    const endsMs = clock.monotonicMs() + 120_000;
    const urlSource: UrlSource = {
      refetch: (...call) => (clock.monotonicMs() < endsMs ? dead : alive).refetch(...call),
    };
    const sent = await sendFiles(8, withoutUrl);
    const target = join(dir, 'url-service');
    await using watched = harness.work({ clock, random, urlSource, handler: saving(target) });
    expect(await watched.until('circuit-opened')).toMatchObject({ code: 'url-service' });
    expect(watched.worker.ready).toBe(false);
    // Visible again at once (the harness's backoff is 0), so that the circuit alone holds the receives back.
    expect(await allSaved(watched, sent, target)).toBeLessThanOrEqual(8);
    expect(clock.monotonicMs()).toBeGreaterThan(endsMs);
    expect(watched.worker.stats.received).toBeLessThanOrEqual(8 + 4 + 10 + 6);
  });

  it('of the bucket policy', async () => {
    const s3 = s3ClientFor(resolveStores(harness.stores).get('payloads'), {
      credentials: harness.stack.credentials,
    });
    const deny = ['s3:GetObject', 's3:GetObjectVersion'];
    const statement = { Effect: 'Deny', Principal: '*', Action: deny, Resource: 'arn:aws:s3:::payloads/*' };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    const sent = await sendFiles(3);
    await s3.send(new PutBucketPolicyCommand({ Bucket: 'payloads', Policy }));
    const target = join(dir, 'policy');
    await using watched = harness.work({
      clock: jumping(),
      random,
      urlSource: own(),
      handler: saving(target),
    });
    const { code, reason } = await watched.until('circuit-opened');
    expect(['access-refused', 'url-service']).toContain(code);
    expect(reason).toMatch(/payloads.*403/);
    expect(reason).not.toMatch(/X-Amz-/);
    await s3.send(new DeleteBucketPolicyCommand({ Bucket: 'payloads' }));
    s3.destroy();
    await allSaved(watched, sent, target);
  });

  it.each([
    ['the key', 400, 'KMS.DisabledException', 'access-refused'],
    ['the bucket', 404, 'NoSuchBucket', 'access-refused'],
    ["the signer's session", 400, 'ExpiredToken', 'url-expired'],
  ])('of %s (%i %s)', async (_what, status, code, expected) => {
    const sent = await sendFiles(2);
    const remove = harness.stack.faults.add({
      match: { service: 's3', operation: 'GetObject' },
      times: Infinity,
      faults: { kind: 'status', status, code },
    });
    const target = join(dir, code);
    await using watched = harness.work({
      clock: jumping(),
      random,
      urlSource: own(),
      handler: saving(target),
    });
    expect(await watched.until('circuit-opened')).toMatchObject({ code: expected });
    remove();
    await allSaved(watched, sent, target);
  });

  it("of the worker's own credentials for SQS", async () => {
    const sent = await sendFiles(2);
    const remove = harness.stack.faults.add({
      match: { service: 'sqs', operation: 'ReceiveMessage' },
      times: Infinity,
      faults: {
        kind: 'status',
        status: 403,
        code: 'ExpiredToken',
        message: 'The security token has expired',
      },
    });
    const target = join(dir, 'credentials');
    await using watched = harness.work({ clock: jumping(), random, handler: saving(target) });
    expect(await watched.until('circuit-opened')).toMatchObject({
      code: 'queue-credentials',
      reason: expect.stringMatching(/^SQS does not accept our credentials.*expired/) as string,
    });
    expect(await watched.until('receive-failed')).toMatchObject({ code: 'queue-credentials' });
    remove();
    expect(await allSaved(watched, sent, target)).toBe(1);
  });

  it.each([-600_000, 600_000])('of the clock, %i ms off, is none: the offset is learnt', async (offMs) => {
    const sent = await sendFiles(2, (attachment) => (offMs > 0 ? attachment : withoutUrl(attachment)));
    const clock: Clock = { ...systemClock, nowMs: () => Date.now() + offMs };
    const target = join(dir, `clock${offMs}`);
    const urlSource = ownCredentials({
      stores: harness.stores,
      credentials: harness.stack.credentials,
      clock,
    });
    await using watched = harness.work({ clock, random, urlSource, handler: saving(target) });
    for (const [id, bytes] of sent) {
      await watched.until('succeeded', ({ eventId }) => eventId === id);
      expect((await readFile(join(target, id, 'files', 'order.txt'))).equals(bytes)).toBe(true);
    }
    expect(watched.worker.stats.rejected).toBe(0);
  });

  describe.runIf(isRoot)('of the disk', () => {
    it('when it is full', async () => {
      await using disk = await mounted('full', 'size=96k');
      const filler = join(disk.path, 'filler');
      await writeFile(filler, Buffer.alloc(64 * 1024));
      const sent = await sendFiles(1);
      await using watched = harness.work({ clock: jumping(), random, handler: saving(disk.path) });
      expect(await watched.until('circuit-opened')).toMatchObject({
        code: 'storage',
        reason: expect.stringContaining('ENOSPC') as string,
      });
      await rm(filler);
      await allSaved(watched, sent, disk.path);
    });

    it('when it is mounted read-only', async () => {
      await using disk = await mounted('read-only', 'size=1m,ro');
      const sent = await sendFiles(1);
      await using watched = harness.work({ clock: jumping(), random, handler: saving(disk.path) });
      expect(await watched.until('circuit-opened')).toMatchObject({
        code: 'storage',
        reason: expect.stringContaining('EROFS') as string,
      });
      execFileSync('mount', ['-o', 'remount,rw', disk.path]);
      await allSaved(watched, sent, disk.path);
    });
  });
});

describe('a download that stalls', () => {
  it('is released and retried, in every delivery from where it stood', async () => {
    const sent = await sendFiles(1);
    const [id] = [...sent.keys()];
    const remove = harness.stack.faults.add({
      match: { service: 's3', operation: 'GetObject' },
      times: Infinity,
      faults: { kind: 'stall', afterBytes: 0 },
    });
    const target = join(dir, 'stalled');
    await using watched = harness.work({
      download: { stallTimeoutMs: 200, retry: { maxAttempts: 2, backoffBaseMs: 1, backoffCapMs: 2 } },
      handler: saving(target),
    });
    expect(await watched.until('retried')).toMatchObject({ code: 'transfer-stalled', eventId: id });
    remove();
    await watched.until('succeeded', ({ eventId }) => eventId === id);
    expect((await readFile(join(target, id!, 'files', 'order.txt'))).equals(sent.get(id!)!)).toBe(true);
  });
});
