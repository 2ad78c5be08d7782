import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createBlockPool,
  createTransport,
  downloadUrl,
  type DownloadUrlOptions,
} from '../../../../consumers/download/index.ts';
import { AHEAD_PART_BYTES } from '../../../../consumers/download/read-ahead.ts';
import { formatDigest } from '../../../../shared/digest.ts';
import { ChecksumMismatchError, TransferStalledError } from '../../../../shared/errors.ts';
import { SecretUrl } from '../../../../shared/secret.ts';
import { patternBytes, TRANSPORTS, transportOf, transportOptions } from './world.ts';
import { Writable } from 'node:stream';

const MIB = 1024 ** 2;
const bytes = patternBytes(9 * MIB + 5);
const digest = formatDigest(createHash('sha256').update(bytes).digest());

/** What a test does to an answer: undefined leaves it alone, `silent` sends the head and a little, then nothing. */
type Trouble = (start: number, nth: number) => 'silent' | 'drip' | undefined;

let server: Server;
let dir: string;
let trouble: Trouble = () => undefined;
let starts: number[] = [];
/** Every test has its own: a request of the one before may come late. */
let urlPath = '/0';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'waybill-lanes-'));
  server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  urlPath = `/${Number(urlPath.slice(1)) + 1}`;
  starts = [];
  trouble = () => undefined;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

function answer(req: IncomingMessage, res: ServerResponse): void {
  if (req.url !== urlPath) return void res.destroy();
  const range = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '');
  const [start, end] = [Number(range?.[1] ?? 0), Number(range?.[2] ?? bytes.length - 1)];
  starts.push(start);
  const nth = starts.filter((one) => one === start).length;
  res.writeHead(range === null ? 200 : 206, {
    etag: '"e"',
    'content-length': end - start + 1,
    ...(range === null ? {} : { 'content-range': `bytes ${start}-${end}/${bytes.length}` }),
  });
  const what = trouble(start, nth);
  if (what === undefined) return void res.end(bytes.subarray(start, end + 1));
  if (what === 'silent') return void res.write(bytes.subarray(start, start + 1_000));
  let at = start;
  const timer = setInterval(() => res.write(bytes.subarray(at, (at += 100))), 20);
  res.on('close', () => clearInterval(timer));
}

const url = (): SecretUrl =>
  new SecretUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}${urlPath}`);

describe.each(TRANSPORTS)('over %s', (name) => {
  const transport = transportOf(name);
  const options = (more: DownloadUrlOptions = {}): DownloadUrlOptions => ({
    transport,
    digest,
    size: bytes.length,
    partSizeBytes: MIB,
    singleGetBelowBytes: 0,
    connections: 3,
    stallTimeoutMs: 20_000,
    ...more,
  });

  describe('the last range', () => {
    it.each(['silent', 'drip'] as const)(
      'that is slow (%s) is asked for once more, and the first to end counts',
      async (what) => {
        const path = join(dir, `hedge-${name}-${what}`);
        trouble = (start, nth) => (start === 4 * MIB && nth === 1 ? what : undefined);
        const result = await downloadUrl(url(), { path }, options());
        expect(bytes.equals(await readFile(path))).toBe(true);
        expect(result).toMatchObject({ retries: 0, restarts: 0, verified: { sha256: true } });
        expect(starts.filter((start) => start >= 4 * MIB && start < 5 * MIB)).toHaveLength(2);
        // What the slow one brought and the fast one brought again, no more.
        expect(result.repeatedBytes).toBeLessThan(MIB);
      },
    );

    it('is not hurried when told not to', async () => {
      const path = join(dir, `patient-${name}`);
      trouble = (start, nth) => (start === 4 * MIB && nth === 1 ? 'silent' : undefined);
      const result = await downloadUrl(url(), { path }, options({ hedge: false, stallTimeoutMs: 1_500 }));
      expect(bytes.equals(await readFile(path))).toBe(true);
      expect(result).toMatchObject({ retries: 1, repeatedBytes: 0 });
    });

    it('can be aborted while it is asked for twice, and leaves no block lent', async () => {
      const pool = createBlockPool();
      const own = createTransport({ ...transportOptions(name), pool });
      const controller = new AbortController();
      const reason = new Error('stop');
      trouble = (start) => {
        const again = start > 4 * MIB && start < 5 * MIB;
        if (again) setTimeout(() => controller.abort(reason), 50);
        return again || start === 4 * MIB ? 'silent' : undefined;
      };
      const path = join(dir, `abort-${name}`);
      const done = downloadUrl(url(), { path }, options({ transport: own, signal: controller.signal }));
      await expect(done).rejects.toBe(reason);
      expect(pool.lentBlocks).toBe(0);
      await own.close();
    });
  });

  describe('a pace', () => {
    it('too slow is given up like a stall', async () => {
      trouble = () => 'drip';
      let nowMs = 0;
      const clock = {
        nowMs: () => Date.now(),
        monotonicMs: () => (nowMs += 2_000),
        sleep: async () => {},
      };
      const slow = options({ clock, hedge: false, connections: 1, minBytesPerSecond: 1_000_000 });
      const done = downloadUrl(
        url(),
        { path: join(dir, `pace-${name}`) },
        { ...slow, retry: { maxAttempts: 1 } },
      );
      await expect(done).rejects.toThrow(TransferStalledError);
    });
  });

  describe('a stream', () => {
    it('comes by parallel ranges, in order, and repeats nothing', async () => {
      const got: Buffer[] = [];
      const writable = new Writable({
        highWaterMark: 1,
        write(chunk: Buffer, _encoding, callback) {
          got.push(Buffer.from(chunk));
          setImmediate(callback);
        },
      });
      const pool = createBlockPool();
      const own = createTransport({ ...transportOptions(name), pool });
      const result = await downloadUrl(url(), { writable }, options({ transport: own }));
      await own.close();
      expect(pool.heldBytes, 'all is read straight into its place').toBe(0);
      expect(bytes.equals(Buffer.concat(got))).toBe(true);
      expect(result).toMatchObject({ repeatedBytes: 0, verified: { sha256: true } });
      expect(starts.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4].map((part) => part * AHEAD_PART_BYTES));
    });

    it("is the reader's to keep over a single request too", async () => {
      const got: Buffer[] = [];
      const writable = new Writable({
        write(chunk: Buffer, _encoding, callback) {
          got.push(chunk);
          callback();
        },
      });
      const result = await downloadUrl(url(), { writable }, options({ singleGetBelowBytes: 16 * MIB }));
      expect(bytes.equals(Buffer.concat(got))).toBe(true);
      expect(result).toMatchObject({ sizeBytes: bytes.length, repeatedBytes: 0 });
      expect(starts).toEqual([0]);
    });

    it('begins over half of the connections', async () => {
      trouble = () => 'silent'; // none gets any further
      const writable = new Writable({ write: (_chunk, _encoding, callback) => callback() });
      const retry = { maxAttempts: 1 };
      const begun = downloadUrl(url(), { writable }, options({ connections: 4, stallTimeoutMs: 500, retry }));
      await expect(begun).rejects.toThrow(TransferStalledError);
      expect(starts.sort((a, b) => a - b)).toEqual([0, AHEAD_PART_BYTES]);
    });

    it('goes on after a range that broke off', async () => {
      trouble = (start, nth) => (start === AHEAD_PART_BYTES && nth === 1 ? 'silent' : undefined);
      const got: Buffer[] = [];
      const writable = new Writable({
        write(chunk: Buffer, _encoding, callback) {
          got.push(chunk); // its own, to keep
          callback();
        },
      });
      // Two, so that what was handed out is kept while the same connection reads on
      const result = await downloadUrl(url(), { writable }, options({ stallTimeoutMs: 300, connections: 2 }));
      expect(bytes.equals(Buffer.concat(got))).toBe(true);
      expect(result).toMatchObject({ retries: 1, repeatedBytes: 0 });
    });

    it('fails at its end when the bytes are wrong, over ranges too', async () => {
      const other = `sha-256=:${'A'.repeat(43)}=:`;
      const writable = new Writable({ write: (_chunk, _encoding, callback) => callback() });
      await expect(downloadUrl(url(), { writable }, options({ digest: other }))).rejects.toThrow(
        ChecksumMismatchError,
      );
      expect(writable.destroyed).toBe(true);
    });

    it('lets go of all ranges when it is destroyed', async () => {
      const pool = createBlockPool();
      const own = createTransport({ ...transportOptions(name), pool });
      const failure = new Error('full');
      const writable = new Writable({ write: (_chunk, _encoding, callback) => callback(failure) });
      await expect(downloadUrl(url(), { writable }, options({ transport: own }))).rejects.toBe(failure);
      expect(pool.lentBlocks).toBe(0);
      await own.close();
    });
  });
});
