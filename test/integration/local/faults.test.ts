import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { armResponse, type Fault } from '../../../local/faults.ts';

const SIZE = 300_000;
const BODY = Buffer.from(Array.from({ length: SIZE }, (_, index) => index % 251));

interface Seen {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly complete: boolean;
}

describe('armResponse over HTTP', () => {
  let server: Server;
  let faults: readonly Fault[];
  let writerDone: Promise<unknown>;
  let produced: number;
  let endCallbacks: number;
  let sockets: Set<Socket>;

  beforeEach(async () => {
    faults = [];
    produced = 0;
    endCallbacks = 0;
    sockets = new Set();
    server = createServer((req, res) => {
      armResponse(res, faults);
      if (req.url === '/once') {
        writerDone = new Promise<void>((resolve) => {
          res.end(BODY, () => {
            endCallbacks += 1;
            resolve();
          });
        });
        return;
      }
      if (req.url === '/empty') {
        res.writeHead(204).end();
        return;
      }
      res.writeHead(200, req.url === '/chunked' ? {} : { 'content-length': SIZE });
      const source = function* (): Generator<Buffer> {
        for (let at = 0; at < SIZE; at += 50_000) {
          produced += 1;
          yield BODY.subarray(at, at + 50_000);
        }
      };
      writerDone = pipeline(Readable.from(source(), { highWaterMark: 1 }), res).catch(
        (error: unknown) => error,
      );
    });
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  });
  afterEach(async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
    await vi.waitFor(() => {
      if (sockets.size > 0) throw new Error(`${sockets.size} sockets are still open`);
    });
  });

  const get = async (path: string, method = 'GET', stopAfter = Infinity): Promise<Seen> =>
    await new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo;
      const call = request({ host: '127.0.0.1', port, path, method, agent: false }, (res) => {
        const chunks: Buffer[] = [];
        let size = 0;
        const finish = (): void =>
          resolve({
            status: res.statusCode,
            headers: res.headers,
            body: Buffer.concat(chunks),
            complete: res.complete,
          });
        res.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size < stopAfter) return;
          finish();
          res.destroy();
        });
        res.once('error', () => {});
        res.once('close', finish);
      });
      call.once('error', reject);
      call.end();
    });

  it.each(['/', '/chunked', '/once'])('cuts after exactly N body bytes of %s', async (path) => {
    for (const afterBytes of [1, 8_191, 8_192, 100_001, SIZE - 1]) {
      faults = [{ kind: 'cut', afterBytes }];
      const seen = await get(path);
      expect(seen.body.length).toBe(afterBytes);
      expect(seen.body.equals(BODY.subarray(0, afterBytes))).toBe(true);
      expect(seen.complete).toBe(false);
      await writerDone;
    }
  });

  it('sends the headers and no body byte when it cuts after none', async () => {
    faults = [{ kind: 'cut' }];
    const seen = await get('/');
    expect(seen).toMatchObject({ status: 200, complete: false });
    expect(seen.body.length).toBe(0);
    expect(await writerDone).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  it('leaves a body alone that is shorter than the cut', async () => {
    faults = [{ kind: 'cut', afterBytes: SIZE + 1 }];
    const seen = await get('/');
    expect(seen.complete).toBe(true);
    expect(seen.body.equals(BODY)).toBe(true);
    expect(await writerDone).toBeUndefined();
  });

  it('cuts some time after the first byte, while throttled', async () => {
    faults = [
      { kind: 'throttle', bytesPerSecond: 100_000 },
      { kind: 'cut', afterMs: 60 },
    ];
    const seen = await get('/');
    expect(seen.complete).toBe(false);
    expect(seen.body.length).toBeGreaterThan(0);
    expect(seen.body.length).toBeLessThan(SIZE);
  });

  it('combines throttle and cut to the exact byte', async () => {
    faults = [
      { kind: 'throttle', bytesPerSecond: 1_000_000 },
      { kind: 'cut', afterBytes: 33_333 },
      { kind: 'flip-byte', at: 33_332 },
    ];
    const { body } = await get('/');
    const expected = Buffer.from(BODY.subarray(0, 33_333));
    expected[33_332]! ^= 0xff;
    expect(body.equals(expected)).toBe(true);
  });

  it('stalls after exactly N bytes with the connection open, until the client leaves', async () => {
    faults = [{ kind: 'stall', afterBytes: 70_000 }];
    const seen = await get('/', 'GET', 70_000);
    expect(seen.body.length).toBe(70_000);
    expect(seen.complete).toBe(false);
    expect(await writerDone).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    expect(produced).toBeLessThan(6); // a stalled reader stops its writer
  });

  it('flips one byte and keeps the rest', async () => {
    faults = [{ kind: 'flip-byte', at: 123_456 }];
    const { body, complete } = await get('/');
    const differing = [...body.keys()].filter((at) => body[at] !== BODY[at]);
    expect(complete).toBe(true);
    expect(differing).toEqual([123_456]);
  });

  it('sends nothing at all when it drops the answer', async () => {
    faults = [{ kind: 'drop-response' }];
    for (const path of ['/', '/once', '/empty'])
      await expect(get(path)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(endCallbacks).toBe(1);
  });

  it('keeps length, callbacks and completeness of a whole body given to end()', async () => {
    faults = [{ kind: 'throttle', bytesPerSecond: 100_000_000 }];
    const seen = await get('/once');
    expect(seen.headers['content-length']).toBe(String(SIZE));
    expect(seen.complete).toBe(true);
    expect(seen.body.equals(BODY)).toBe(true);
    await writerDone;
    expect(endCallbacks).toBe(1);
  });

  it('leaves answers without a body alone', async () => {
    faults = [{ kind: 'cut', afterBytes: 5 }];
    expect(await get('/', 'HEAD')).toMatchObject({ status: 200, complete: true });
    expect(await get('/empty')).toMatchObject({ status: 204, complete: true });
  });
});
