import { describe, expect, it } from 'vitest';
import { createBlockPool, type BlockPool } from '../../../../../consumers/download/fast/block-pool.ts';
import { Exchange } from '../../../../../consumers/download/fast/exchange.ts';
import { MAX_HEAD_BYTES } from '../../../../../consumers/download/fast/response-head.ts';
import { TransportError } from '../../../../../consumers/download/transport.ts';
import { patternBytes } from '../../../../integration/consumers/download/world.ts';

const BLOCK = 64 * 1024;

interface Bench {
  readonly pool: BlockPool;
  readonly exchange: Exchange;
  readonly controller: AbortController;
  readonly over: number[];
  resumes: number;
}

function begin(
  maxBytes = 8 * BLOCK,
  stallTimeoutMs = 60_000,
  into?: (bodyBytes: number) => Buffer | undefined,
  keep?: boolean,
): Bench {
  const pool = createBlockPool({ blockBytes: BLOCK, maxBytes });
  const controller = new AbortController();
  const over: number[] = [];
  const request = { url: 'http://h/', headers: {}, signal: controller.signal, stallTimeoutMs, into, keep };
  const bench: Bench = {
    pool,
    controller,
    over,
    resumes: 0,
    exchange: new Exchange(request, pool, {
      resume: () => void (bench.resumes += 1),
      over: (idleMs) => void over.push(idleMs),
    }),
  };
  bench.exchange.connected();
  return bench;
}

/** Feeds bytes as a socket would: into the exchange's own buffer where it has one. Returns how many it took. */
function feed({ exchange }: Bench, bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length;) {
    const buffer = exchange.buffer() ?? Buffer.alloc(1_000);
    const count = Math.min(buffer.length, bytes.length - at);
    buffer.set(bytes.subarray(at, at + count));
    at += count;
    if (!exchange.received(buffer, count)) return at;
  }
  exchange.buffer();
  return bytes.length;
}

async function readAll(bench: Bench): Promise<Buffer> {
  const { body } = await bench.exchange.response;
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const ok = (body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`), body]);
const payload = patternBytes(300);

describe('an exchange', () => {
  it('reads the same answer wherever it is cut', async () => {
    const wire = ok(payload);
    for (let cut = 1; cut < wire.length; cut += 1) {
      const bench = begin();
      feed(bench, wire.subarray(0, cut));
      feed(bench, wire.subarray(cut));
      expect(payload.equals(await readAll(bench)), `cut at ${cut}`).toBe(true);
      expect([bench.over, bench.pool.lentBlocks]).toEqual([[Infinity], 0]);
    }
  });

  it('reads into memory that the reader brings, wherever the answer is cut, and takes no block', async () => {
    const wire = ok(payload);
    for (let cut = 1; cut < wire.length; cut += 1) {
      const memory = Buffer.alloc(payload.length);
      const asked: number[] = [];
      const bench = begin(undefined, undefined, (bodyBytes) => {
        asked.push(bodyBytes);
        return memory;
      });
      feed(bench, wire.subarray(0, cut));
      feed(bench, wire.subarray(cut));
      expect(bench.pool.lentBlocks).toBe(0);
      const { body } = await bench.exchange.response;
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      expect(chunks.map(({ buffer, length }) => [buffer === memory.buffer, length])).toEqual([[true, 300]]);
      expect([payload.equals(memory), asked, bench.over]).toEqual([true, [300], [Infinity]]);
    }
  });

  it('hands out views of that memory before it is full, and what came before the connection broke', async () => {
    const memory = Buffer.alloc(payload.length);
    const bench = begin(undefined, undefined, () => memory);
    const wire = ok(payload);
    feed(bench, wire.subarray(0, wire.length - 200));
    const { body } = await bench.exchange.response;
    const reader = body[Symbol.asyncIterator]();
    const first = await reader.next();
    expect([first.value?.buffer === memory.buffer, first.value?.length]).toEqual([true, 100]);
    feed(bench, wire.subarray(wire.length - 200, wire.length - 150));
    bench.exchange.broken(new TransportError('broken', 'gone'));
    const second = await reader.next();
    expect(payload.subarray(100, 150).equals(second.value ?? Buffer.alloc(0))).toBe(true);
    await expect(reader.next()).rejects.toThrow('gone');
  });

  it('hands out long bodies in that memory as they come, without waiting for their end', async () => {
    const long = patternBytes(700_000);
    const bench = begin(undefined, undefined, () => Buffer.alloc(long.length));
    const wire = ok(long);
    for (let at = 0; at < 400_000; at += 50_000) feed(bench, wire.subarray(at, at + 50_000));
    const { body } = await bench.exchange.response;
    const first = await body[Symbol.asyncIterator]().next();
    expect(first.value?.length).toBeGreaterThanOrEqual(256 * 1024);
    expect(first.value?.length).toBeLessThan(320_000);
    feed(bench, wire.subarray(400_000));
    const rest = await readAll(bench);
    expect(long.equals(Buffer.concat([first.value as Uint8Array, rest]))).toBe(true);
  });

  it('reads into memory made for a reader that keeps it, wherever the answer is cut, and takes no block', async () => {
    const long = patternBytes(300_000);
    const wire = ok(long);
    for (const cut of [1, 20, 44, 50, 100_000, 200_000, wire.length - 1]) {
      const bench = begin(undefined, undefined, undefined, true);
      feed(bench, wire.subarray(0, cut));
      feed(bench, wire.subarray(cut));
      const { body } = await bench.exchange.response;
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      expect(long.equals(Buffer.concat(chunks)), `cut at ${cut}`).toBe(true);
      expect(chunks.length, 'no small pieces').toBe(3);
      expect([bench.pool.heldBytes, bench.over]).toEqual([0, [Infinity]]);
    }
  });

  it('hands out nothing to keep that the socket may still read into', async () => {
    const long = patternBytes(100_000);
    const bench = begin(undefined, 400, undefined, true);
    const wire = ok(long);
    feed(bench, wire.subarray(0, 50_000));
    const { body } = await bench.exchange.response;
    const reader = body[Symbol.asyncIterator]();
    const { value } = await reader.next(); // by the next tick, as no more comes
    const early = value as Uint8Array;
    expect(early.length).toBe(50_000 - (wire.length - long.length));
    expect(early.buffer).not.toBe(bench.exchange.buffer()?.buffer);
    structuredClone(early.buffer, { transfer: [early.buffer as ArrayBuffer] });
    feed(bench, wire.subarray(50_000));
    const rest = await reader.next();
    expect(long.subarray(long.length - (wire.length - 50_000)).equals(rest.value as Uint8Array)).toBe(true);
  });

  it('pauses while much waits for a reader that keeps it, and goes on when that has been read', async () => {
    const long = patternBytes(2_000_000);
    const bench = begin(undefined, undefined, undefined, true);
    const wire = ok(long);
    let at = feed(bench, wire);
    expect(at).toBeLessThan(600_000);
    const { body } = await bench.exchange.response;
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) {
      chunks.push(chunk);
      // What waits is read to its end first; then the reader asks again, and the socket reads on.
      queueMicrotask(
        () => void (bench.resumes > 0 && at < wire.length && (at += feed(bench, wire.subarray(at)))),
      );
    }
    expect(long.equals(Buffer.concat(chunks))).toBe(true);
  });

  it('reads into blocks when that memory is of another length, and errors always', async () => {
    const bench = begin(undefined, undefined, () => Buffer.alloc(payload.length + 1));
    feed(bench, ok(payload));
    expect(payload.equals(await readAll(bench))).toBe(true);
    const refused = begin(undefined, undefined, () => {
      throw new Error('asked for memory for an error');
    });
    feed(refused, Buffer.from('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno'));
    expect(String(await readAll(refused))).toBe('no');
  });

  it('reads an error in chunks wherever it is cut, and byte by byte', async () => {
    const head = 'HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n';
    const wire = Buffer.from(`${head}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`);
    for (let cut = 1; cut < wire.length; cut += 1) {
      const bench = begin();
      feed(bench, wire.subarray(0, cut));
      feed(bench, wire.subarray(cut));
      expect(String(await readAll(bench)), `cut at ${cut}`).toBe('hello world');
      expect(bench.over).toEqual([Infinity]);
    }
    const bench = begin();
    for (const byte of wire) feed(bench, Buffer.of(byte));
    expect(String(await readAll(bench))).toBe('hello world');
  });

  it('hands out every byte that came before the connection broke', async () => {
    const bench = begin();
    const wire = ok(patternBytes(200_000));
    feed(bench, wire.subarray(0, 150_000));
    bench.exchange.broken(new TransportError('broken', 'gone'));
    const { body } = await bench.exchange.response;
    let bytes = 0;
    const read = async (): Promise<void> => {
      for await (const chunk of body) bytes += chunk.length;
    };
    await expect(read()).rejects.toThrow('gone');
    expect(bytes).toBe(150_000 - (wire.length - 200_000));
    expect(bench.pool.lentBlocks).toBe(0);
  });

  it('keeps the status of an error whose text breaks off', async () => {
    const bench = begin();
    feed(bench, Buffer.from('HTTP/1.1 503 Slow\r\ntransfer-encoding: chunked\r\n\r\n8\r\nhel'));
    bench.exchange.broken(new TransportError('broken', 'gone'));
    const { status, body } = await bench.exchange.response;
    expect(status).toBe(503);
    const first = await body[Symbol.asyncIterator]().next();
    expect(String(Buffer.from(first.value as Uint8Array))).toBe('hel');
  });

  it('pauses when its blocks are full, and goes on when one is read', async () => {
    const bench = begin(2 * BLOCK);
    const bytes = patternBytes(10 * BLOCK);
    const wire = ok(bytes);
    let at = feed(bench, wire);
    expect(at).toBeLessThan(4 * BLOCK);
    const { body } = await bench.exchange.response;
    const got: Buffer[] = [];
    for await (const chunk of body) {
      got.push(Buffer.from(chunk));
      expect(bench.pool.lentBlocks).toBeLessThanOrEqual(3);
      if (at < wire.length) at += feed(bench, wire.subarray(at));
    }
    expect(bytes.equals(Buffer.concat(got))).toBe(true);
    expect(bench.pool.lentBlocks).toBe(0);
  });

  it('always has one block, however many others have', async () => {
    const bench = begin(BLOCK);
    const others = [bench.pool.take(true), bench.pool.take(true)];
    const bytes = patternBytes(3 * BLOCK);
    const wire = ok(bytes);
    const { exchange } = bench;
    let at = feed(bench, wire);
    const { body } = await exchange.response;
    const got: Buffer[] = [];
    for await (const chunk of body) {
      got.push(Buffer.from(chunk));
      // Only when the reader asks again is the one block free.
      queueMicrotask(() => void (at < wire.length && (at += feed(bench, wire.subarray(at)))));
    }
    expect(bytes.equals(Buffer.concat(got))).toBe(true);
    expect(bench.pool.lentBlocks).toBe(others.length);
    expect(bench.resumes).toBeGreaterThan(0);
  });

  it('stays paused until its reader asks, whatever comes through the pause', async () => {
    const bench = begin(2 * BLOCK);
    const bytes = patternBytes(4 * BLOCK);
    const wire = ok(bytes);
    let at = feed(bench, wire);
    expect(at).toBeLessThan(wire.length);
    // As the records of TLS do that the socket had read before it stopped.
    for (let n = 0; n < 3; n += 1) {
      const record = wire.subarray(at, at + 1_000);
      const buffer = bench.exchange.buffer() ?? Buffer.alloc(1_000);
      buffer.set(record);
      expect(bench.exchange.received(buffer, record.length)).toBe(false);
      at += record.length;
    }
    expect(bench.resumes).toBe(0);
    const { body } = await bench.exchange.response;
    const got: Buffer[] = [];
    for await (const chunk of body) {
      got.push(Buffer.from(chunk));
      queueMicrotask(
        () => void (at < wire.length && bench.resumes > 0 && (at += feed(bench, wire.subarray(at)))),
      );
    }
    expect(bytes.equals(Buffer.concat(got))).toBe(true);
  });

  it('hands out what waits in a block when it is long in coming, and reads on into that block', async () => {
    const bench = begin();
    const bytes = patternBytes(2 * BLOCK);
    const wire = ok(bytes);
    feed(bench, wire.subarray(0, 10_000));
    const { body } = await bench.exchange.response;
    const reader = body[Symbol.asyncIterator]();
    const first = await reader.next(); // by the tick
    const got = [Buffer.from(first.value as Uint8Array)];
    feed(bench, wire.subarray(10_000));
    for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
      got.push(Buffer.from(next.value));
    }
    expect(bytes.equals(Buffer.concat(got))).toBe(true);
    expect(bench.pool.lentBlocks).toBe(0);
  });

  it('gives all blocks back when aborted, but for the one being read', async () => {
    const bench = begin();
    feed(bench, ok(patternBytes(5 * BLOCK)).subarray(0, 3 * BLOCK));
    const { body } = await bench.exchange.response;
    const reader = body[Symbol.asyncIterator]();
    await reader.next();
    const reason = new Error('stop');
    bench.controller.abort(reason);
    expect(bench.pool.lentBlocks).toBe(1);
    await expect(reader.next()).rejects.toBe(reason);
    expect([bench.pool.lentBlocks, bench.over]).toEqual([0, [0]]);
  });

  it('gives all blocks back when discarded, also twice', async () => {
    const bench = begin();
    feed(bench, ok(patternBytes(5 * BLOCK)).subarray(0, 3 * BLOCK));
    const response = await bench.exchange.response;
    await response.discard();
    await response.discard();
    expect([bench.pool.lentBlocks, bench.over]).toEqual([0, [0]]);
  });

  it('ends when the reader leaves', async () => {
    const bench = begin();
    feed(bench, ok(patternBytes(5 * BLOCK)).subarray(0, 2 * BLOCK));
    const { body } = await bench.exchange.response;
    for await (const _ of body) break;
    expect([bench.pool.lentBlocks, bench.over]).toEqual([0, [0]]);
  });

  it('does not use a connection again on which more came than was asked for', async () => {
    const bench = begin();
    feed(bench, Buffer.concat([ok(payload), Buffer.from('HTTP/1.1 200 OK\r\n')]));
    expect(payload.equals(await readAll(bench))).toBe(true);
    expect(bench.over).toEqual([0]);
  });

  it.each([
    ['a head that never ends', Buffer.alloc(MAX_HEAD_BYTES + 10, 'x')],
    ['garbage', Buffer.from('garbage\r\n\r\n')],
    ['a chunk that is none', Buffer.from('HTTP/1.1 403 F\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n')],
  ])('leaves to others: %s', async (_, wire) => {
    const bench = begin();
    feed(bench, wire);
    await expect(bench.exchange.response).rejects.toMatchObject({ failure: 'unsupported' });
    expect(bench.over).toEqual([0]);
  });

  it('stalls when nothing comes', async () => {
    const bench = begin(undefined, 20);
    await expect(bench.exchange.response).rejects.toMatchObject({ failure: 'stall' });
  });
});
