import { once } from 'node:events';
import { open, readFile, stat, truncate } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createBlockPool,
  createTransport,
  download,
  downloadUrl,
  SecretUrl,
  type Transport,
  type TransportResponse,
} from '../../../../consumers/download/index.ts';
import { startReceiver } from '../../../../consumers/download/threads/program.ts';
import { createThreads, type Threads } from '../../../../consumers/download/threads/threads.ts';
import { crc32c } from '../../../../shared/crc32c.ts';
import { createWorld, patternBytes, transportOptions, type World } from './world.ts';

const bytes = patternBytes(3 * 1024 ** 2 + 17);
const PARTS = { partSizeBytes: 256 * 1024, singleGetBelowBytes: 0, connections: 4 };

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('threads that receive', () => {
  let world: World;

  beforeEach(async () => {
    world = await createWorld();
  });

  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('write files whose bytes this thread never holds', async () => {
    const pool = createBlockPool();
    const transport = createTransport({ ...transportOptions('threads'), pool });
    const path = world.path('threads');
    const result = await download(
      await world.put('k', bytes),
      { path },
      world.options({ ...PARTS, transport }),
    );
    expect(bytes.equals(await readFile(path))).toBe(true);
    expect(result).toMatchObject({ verified: { sha256: true, crc32c: true }, repeatedBytes: 0, retries: 0 });
    expect(pool.heldBytes).toBe(0);
    await transport.close();
  });

  it.each([
    ['smaller files', { threads: 2, threadsFromBytes: bytes.length + 1 }],
    ['no file, with no threads', { threads: 0, threadsFromBytes: 0 }],
  ])('receive %s not', async (_, options) => {
    const pool = createBlockPool();
    const transport = createTransport({ ...options, pool });
    const path = world.path('here');
    await download(await world.put('k', bytes), { path }, world.options({ ...PARTS, transport }));
    expect(bytes.equals(await readFile(path))).toBe(true);
    expect(pool.heldBytes).toBeGreaterThan(0);
    await transport.close();
  });

  it('write nothing any more once a download has been aborted', async () => {
    const transport = createTransport(transportOptions('threads'));
    const attachment = await world.put('k', bytes);
    world.faults.add({
      match: { operation: 'GetObject' },
      times: Infinity,
      faults: { kind: 'throttle', bytesPerSecond: 400_000 },
    });
    const path = world.path('aborted');
    const controller = new AbortController();
    const reason = new Error('stop');
    const options = world.options({
      ...PARTS,
      transport,
      signal: controller.signal,
      onEvent: ({ kind }) => {
        if (kind === 'progress') controller.abort(reason);
      },
    });
    await expect(download(attachment, { path }, options)).rejects.toBe(reason);
    const partial = `${path}.waybill-part`;
    await truncate(partial, 0);
    await delay(300);
    expect((await stat(partial)).size).toBe(0);
    await transport.close();
  });

  const processors = availableParallelism();
  const MIB = 1024 ** 2;
  it.each([
    ['of one request', 15 * MIB, true, undefined],
    ['that is hashed as it passes', 63 * MIB, true, processors > 1 ? 63 * MIB : undefined],
    ['that a thread hashes', 64 * MIB, true, processors > 2 ? 64 * MIB : undefined],
    ['that nobody hashes', 64 * MIB, false, processors > 1 ? 64 * MIB : undefined],
  ])('are offered a file %s only where a processor is left', async (_, size, sha256, offered) => {
    const asked: unknown[] = [];
    const enough = new Error('enough');
    const transport: Transport = {
      get({ fileBytes }) {
        asked.push(fileBytes);
        return Promise.reject(enough);
      },
      close: () => Promise.resolve(),
    };
    const url = new SecretUrl('http://127.0.0.1:9/k');
    const options = { size, transport, connections: 1, verify: { sha256, crc32c: true } };
    await expect(downloadUrl(url, { path: world.path('offered') }, options)).rejects.toBe(enough);
    expect(asked).toEqual([offered]);
  });

  it.each([
    ['cannot be started', () => undefined],
    [
      'are not allowed',
      () => {
        throw new Error('ERR_ACCESS_DENIED');
      },
    ],
    ['do not get as far as to begin', () => new Worker('throw new Error("no program")', { eval: true })],
  ])('are done without where they %s', async (_, start) => {
    const threads = createThreads(2, start);
    const request = { url: 'http://127.0.0.1:9/', headers: {}, stallTimeoutMs: 1_000, fileBytes: 1 };
    await expect(threads.get(request)).resolves.toBeUndefined();
    await expect(threads.get(request)).resolves.toBeUndefined();
    await threads.close();
  });
});

describe('a thread', () => {
  const workers: Worker[] = [];
  let server: Server;
  let answer: RequestListener;
  let threads: Threads;
  let world: World;

  beforeEach(async () => {
    world = await createWorld();
    server = createServer((req, res) => answer(req, res));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    workers.length = 0;
    threads = createThreads(1, () => {
      const worker = startReceiver({ connectTimeoutMs: 5_000, ca: undefined });
      if (worker !== undefined) workers.push(worker);
      return worker;
    });
  });

  afterEach(async () => {
    await threads.close();
    server.closeAllConnections();
    server.close();
    await world[Symbol.asyncDispose]();
  });

  const get = async (): Promise<TransportResponse> => {
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/k`;
    const response = await threads.get({
      url,
      headers: {},
      stallTimeoutMs: 5_000,
      fileBytes: bytes.length,
    });
    if (response === undefined) throw new Error('got no thread');
    return response;
  };

  it('tells what it has written, and its sums', async () => {
    answer = (_req, res) => void res.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    const file = await open(world.path('written'), 'w+');
    const { status, headers, place } = await get();
    expect([status, headers['content-length']]).toEqual([200, String(bytes.length)]);
    let at = 0;
    for await (const { length, crc32c: sum } of place!({ fd: file.fd, position: 5, length: bytes.length })) {
      expect(sum).toBe(crc32c(bytes.subarray(at, at + length)));
      at += length;
    }
    expect(at).toBe(bytes.length);
    expect(Buffer.concat([Buffer.alloc(5), bytes]).equals(await file.readFile())).toBe(true);
    await file.close();
  });

  it('writes nothing beyond the length that a file is to get, but tells of it', async () => {
    answer = (_req, res) => void res.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    const file = await open(world.path('short'), 'w+');
    const told = await all((await get()).place!({ fd: file.fd, position: 0, length: bytes.length - 1 }));
    expect(told.reduce((sum, { length }) => sum + length, 0)).toBe(bytes.length);
    expect((await file.stat()).size).toBeLessThan(bytes.length);
    await file.close();
  });

  it('hands over what an error says', async () => {
    answer = (_req, res) => void res.writeHead(403).end('<Code>AccessDenied</Code>');
    const response = await get();
    const { status, body, place } = response;
    expect(status).toBe(403);
    expect(place).toBeUndefined();
    expect(String((await all(body))[0])).toContain('AccessDenied');
    await response.discard();
  });

  it('hands over what the system says of the file, and goes on', async () => {
    answer = (_req, res) => void res.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    const readOnly = await open(import.meta.filename);
    const { place } = await get();
    const receiving = all(place!({ fd: readOnly.fd, position: 0, length: bytes.length }));
    await expect(receiving).rejects.toMatchObject({ code: 'EBADF', syscall: 'write' });
    await readOnly.close();
    await (await get()).discard();
    expect(workers).toHaveLength(1);
  });

  it('that dies leaves its requests broken, and no others to start', async () => {
    answer = (_req, res) => {
      res.writeHead(200, { 'content-length': bytes.length });
      res.write(bytes.subarray(0, 100_000));
    };
    const file = await open(world.path('dying'), 'w');
    const { place } = await get();
    const receiving = all(place!({ fd: file.fd, position: 0, length: bytes.length }));
    await workers[0]!.terminate();
    await expect(receiving).rejects.toMatchObject({ name: 'TransportError', failure: 'broken' });
    await file.close();
    await expect(get()).rejects.toThrow('got no thread');
  });

  it('that dies under a download is done without', async () => {
    const transport: Transport = createTransport({ threads: 0 });
    const attachment = await world.put('k', bytes);
    world.faults.add({
      match: { operation: 'GetObject' },
      times: Infinity,
      faults: { kind: 'throttle', bytesPerSecond: 2_000_000 },
    });
    const both: Transport = {
      get: async (request) => (await threads.get(request)) ?? (await transport.get(request)),
      close: async () => await transport.close(),
    };
    const path = world.path('outlived');
    const result = await download(
      attachment,
      { path },
      world.options({
        ...PARTS,
        partSizeBytes: 1024 ** 2, // told of several times, so that the thread dies within it
        transport: both,
        onEvent: ({ kind }) => {
          if (kind === 'progress') void workers[0]!.terminate();
        },
      }),
    );
    expect(bytes.equals(await readFile(path))).toBe(true);
    expect(result.retries).toBeGreaterThan(0);
    await both.close();
  });
});
