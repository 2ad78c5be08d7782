import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createTransport,
  downloadBytes,
  downloadStream,
  downloadUrl,
  type DownloadOptions,
} from '../../../../consumers/download/index.ts';
import { formatDigest } from '../../../../shared/digest.ts';
import {
  AccessRefusedError,
  ChecksumMismatchError,
  ObjectChangedError,
  RangeMismatchError,
  SizeLimitError,
  TransferError,
  UrlExpiredError,
} from '../../../../shared/errors.ts';
import { attachmentSchema, SecretUrl, type Attachment } from '../../../../shared/events/index.ts';
import { TRANSPORTS, createTestClock, patternBytes, transportOf, transportOptions } from './world.ts';

const bytes = patternBytes(200_000);
const digest = formatDigest(createHash('sha256').update(bytes).digest());

describe.each(TRANSPORTS)('over %s', (name) => {
  const transport = transportOf(name);
  let server: Server;
  let dir: string;
  let answer: RequestListener;
  const requests: IncomingMessage[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-hostile-'));
    server = createServer((req, res) => {
      requests.push(req);
      answer(req, res);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => void (requests.length = 0));
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(dir, { recursive: true, force: true });
  });

  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** An honest store: ranges, etag, conditions. */
  const honest: RequestListener = (req, res) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '');
    res.setHeader('etag', '"e"');
    if (range === null) return void res.end(bytes);
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    res.writeHead(206, {
      'content-range': `bytes ${start}-${end}/${bytes.length}`,
      'content-length': end - start + 1,
    });
    res.end(bytes.subarray(start, end + 1));
  };

  function attachment(): Attachment {
    return attachmentSchema.parse({
      id: 'a',
      name: 'a.bin',
      size: bytes.length,
      digest,
      store: 'main',
      key: 'k',
      versionId: 'v',
      etag: '"e"',
      access: {
        method: 'GET',
        url: `${origin()}/bucket/k?versionId=v&X-Amz-Signature=SECRET`,
        headers: { 'x-amz-checksum-mode': 'ENABLED' },
        issuedAt: '2026-01-01T00:00:00Z',
        expiresAt: '2099-01-01T00:00:00Z',
      },
      retainUntil: '2099-01-01T00:00:00Z',
    });
  }

  function options(more: Partial<DownloadOptions> = {}): DownloadOptions {
    return {
      stores: { main: { bucket: 'bucket', region: 'r', endpoint: origin(), pathStyle: true } },
      clock: createTestClock(),
      transport,
      stallTimeoutMs: 2_000,
      retry: { maxAttempts: 3, backoffBaseMs: 1 },
      ...more,
    };
  }

  async function get(more: Partial<DownloadOptions> = {}): Promise<Buffer> {
    return await downloadBytes(attachment(), { maxBytes: 1e6 }, options(more));
  }

  describe('a download from a hostile store', () => {
    it('asks for stored bytes, and adds nothing that tells who it is', async () => {
      answer = honest;
      expect(bytes.equals(await get())).toBe(true);
      expect(requests[0]?.url).toBe('/bucket/k?versionId=v&X-Amz-Signature=SECRET');
      expect(requests[0]?.headers).toEqual({
        host: origin().slice(7),
        connection: 'keep-alive',
        'accept-encoding': 'identity',
        'if-match': '"e"',
        'x-amz-checksum-mode': 'ENABLED',
      });
    });

    it('does not decode what calls itself gzip', async () => {
      const zipped = gzipSync(bytes);
      answer = (_, res) => res.writeHead(200, { etag: '"e"', 'content-encoding': 'gzip' }).end(zipped);
      await expect(get()).rejects.toThrow(RangeMismatchError); // longer or shorter than the event says
      answer = (_, res) =>
        res
          .writeHead(200, { etag: '"e"', 'content-encoding': 'gzip', 'content-length': bytes.length })
          .end(bytes);
      expect(bytes.equals(await get())).toBe(true);
    });

    it('follows no redirect', async () => {
      answer = (_, res) => res.writeHead(307, { location: `${origin()}/elsewhere` }).end();
      await expect(get()).rejects.toThrow(AccessRefusedError);
      expect(requests.map(({ url }) => url?.split('?')[0])).toEqual(['/bucket/k']);
    });

    it('does not wait for the end of an endless error body', async () => {
      answer = (_, res) => {
        res.writeHead(403);
        const fill = (): void => {
          while (!res.destroyed && res.write('x'.repeat(4_096)));
        };
        res.on('drain', fill);
        fill();
      };
      await expect(get()).rejects.toThrow(AccessRefusedError);
    });

    it.each([
      ['a Content-Length too large', { 'content-length': bytes.length + 1 }, RangeMismatchError],
      ['a Content-Length too small', { 'content-length': 10 }, RangeMismatchError],
      ['another etag', { etag: '"f"' }, ObjectChangedError],
      ['no etag', { etag: '' }, ObjectChangedError],
      ['another version', { 'x-amz-version-id': 'w' }, ObjectChangedError],
    ] as const)('does not take %s', async (_, headers, leaf) => {
      answer = (_req, res) => {
        res.writeHead(200, { etag: '"e"', ...headers });
        // Only when it is out: newer versions of Node hold the head back until the end of the turn
        res.write(bytes.subarray(0, 5), () => res.socket?.end());
      };
      await expect(get()).rejects.toThrow(leaf);
    });

    it('takes a body that always ends early for a transient fault', async () => {
      answer = (_, res) => {
        res.writeHead(200, { etag: '"e"', 'content-length': bytes.length });
        res.flushHeaders();
        res.socket?.end();
      };
      await expect(get()).rejects.toThrow(TransferError);
    });

    it('keeps its URL out of every error', async () => {
      for (const broken of [403, 404, 412, 416, 500]) {
        answer = (req, res) => res.writeHead(broken).end(`<Error><Message>${req.url}</Message></Error>`);
        const error: unknown = await get().catch((thrown: unknown) => thrown);
        expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('SECRET');
      }
    });

    it('takes no more into memory than allowed, without a request', async () => {
      await expect(downloadBytes(attachment(), { maxBytes: 10 }, options())).rejects.toThrow(SizeLimitError);
      expect(requests).toHaveLength(0);
    });
  });

  describe('downloadStream', () => {
    it('fails at its end when the bytes are wrong', async () => {
      const wrong = Buffer.from(bytes);
      wrong[7] = 7;
      answer = (_, res) => res.writeHead(200, { etag: '"e"' }).end(wrong);
      let got = 0;
      const read = async (): Promise<void> => {
        for await (const chunk of downloadStream(attachment(), options())) got += (chunk as Buffer).length;
      };
      await expect(read()).rejects.toThrow(ChecksumMismatchError);
      expect(got).toBe(bytes.length);
    });

    it('lets go of a stalled request when destroyed', async () => {
      let onClosed: () => void = () => {};
      const closed = new Promise<void>((resolve) => (onClosed = resolve));
      answer = (_req, res) => {
        res.on('close', onClosed);
        res.writeHead(200, { etag: '"e"', 'content-length': bytes.length });
        res.write(bytes.subarray(0, 10));
      };
      const stream = downloadStream(attachment(), options({ stallTimeoutMs: 60_000 }));
      await once(stream, 'readable');
      stream.destroy();
      await once(stream, 'close');
      await expect(closed).resolves.toBeUndefined();
    });

    it('asks for nothing until it is read', async () => {
      const stream = downloadStream(attachment(), options());
      stream.destroy();
      await once(stream, 'close');
      expect(requests).toHaveLength(0);
    });

    it('refuses bad options at once', () => {
      expect(() => downloadStream(attachment(), options({ connections: 33 }))).toThrow(
        'connections: got 33, expected an integer from 1 to 32',
      );
    });
  });

  describe('an abort', () => {
    it('ends a download that still connects, at once and with its reason', async () => {
      const reason = new Error('stop');
      const engine = createTransport(transportOptions(name));
      const controller = new AbortController();
      const request = { url: `${origin()}/`, headers: {}, signal: controller.signal, stallTimeoutMs: 60_000 };
      const asked = engine.get(request);
      controller.abort(reason);
      await expect(asked).rejects.toBe(reason);
      await engine.close();
    });
  });

  describe('downloadUrl', () => {
    const url = (): SecretUrl => new SecretUrl(`${origin()}/bucket/k?X-Amz-Signature=SECRET`);

    it('learns size and etag, and reports the digest', async () => {
      answer = honest;
      const path = join(dir, 'bare');
      const parts = { transport, partSizeBytes: 30_000, singleGetBelowBytes: 0 };
      const result = await downloadUrl(url(), { path }, parts);
      expect(bytes.equals(await readFile(path))).toBe(true);
      expect(result).toMatchObject({ digest, etag: '"e"', verified: { sha256: false, crc32c: false } });
      expect(requests.slice(1).every(({ headers }) => headers['if-match'] === '"e"')).toBe(true);
      const again = await downloadUrl(url(), { path }, { transport, digest });
      expect(again.verified.sha256).toBe(true);
    });

    it.each([
      [
        'says 416',
        (res: Parameters<RequestListener>[1]) =>
          void res.writeHead(416, { 'content-range': 'bytes */0' }).end(),
      ],
      [
        'ignores ranges',
        (res: Parameters<RequestListener>[1]) => void res.writeHead(200, { 'content-length': 0 }).end(),
      ],
    ])('fetches an empty object of a store that %s', async (_, toRange) => {
      answer = (req, res) => (req.headers.range === undefined ? void res.end() : toRange(res));
      const path = join(dir, 'bare-empty');
      const result = await downloadUrl(url(), { path }, { transport });
      expect(result.sizeBytes).toBe(0);
      expect(await readFile(path)).toHaveLength(0);
    });

    it('fails with UrlExpiredError, which does not show the URL', async () => {
      answer = (_, res) =>
        res
          .writeHead(403)
          .end('<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>');
      const error: unknown = await downloadUrl(url(), { path: join(dir, 'x') }, { transport }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(UrlExpiredError);
      expect(String(error)).not.toContain('SECRET');
    });

    it('fails when the digest is another', async () => {
      answer = honest;
      const other = `sha-256=:${'A'.repeat(43)}=:`;
      await expect(
        downloadUrl(url(), { path: join(dir, 'y') }, { transport, digest: other }),
      ).rejects.toThrow(ChecksumMismatchError);
    });
  });
});
