import { readdir, readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { download, downloadBytes, downloadStream } from '../../../../consumers/download/index.ts';
import { TRANSPORTS, createWorld, kinds, patternBytes, transportOf, type World } from './world.ts';

const KIB = 1024;
const PARTS = { partSizeBytes: 64 * KIB, singleGetBelowBytes: 0 } as const;

describe.each(TRANSPORTS)('over %s', (name) => {
  const transport = transportOf(name);
  let world: World;

  beforeAll(async () => {
    world = await createWorld(transport);
  });
  afterEach(() => {
    world.faults.clear();
    world.events.length = 0;
    world.source.calls.length = 0;
    world.source.answer = undefined;
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  describe('download without faults', () => {
    it('writes a small file by one GET, verified by SHA-256 and CRC32C, and leaves nothing beside it', async () => {
      const bytes = patternBytes(300 * KIB);
      const attachment = await world.put('small.bin', bytes);
      const result = await download(attachment, { path: world.path('small/a.bin') }, world.options());
      expect(bytes.equals(await readFile(world.path('small/a.bin')))).toBe(true);
      expect(result).toMatchObject({
        sizeBytes: bytes.length,
        digest: attachment.digest,
        crc32c: attachment.checksum?.value,
        verified: { sha256: true, crc32c: true },
        fetchedBytes: bytes.length,
        repeatedBytes: 0,
        refetches: 0,
        retries: 0,
        restarts: 0,
        resumedAtBytes: [],
        journalBytes: 0,
      });
      expect(await readdir(world.path('small'))).toEqual(['a.bin']);
      expect(kinds(world.events)).toEqual(['started', 'verifying', 'verified']);
    });

    it('writes a larger file by parallel ranges', async () => {
      const bytes = patternBytes(1_000_003);
      const attachment = await world.put('large.bin', bytes);
      const path = world.path('large/a.bin');
      const result = await download(attachment, { path }, world.options({ ...PARTS, connections: 5 }));
      expect(bytes.equals(await readFile(path))).toBe(true);
      expect(result).toMatchObject({ repeatedBytes: 0, verified: { sha256: true, crc32c: true } });
      expect(await readdir(world.path('large'))).toEqual(['a.bin']);
    });

    it('writes an empty file by a plain GET', async () => {
      const attachment = await world.put('empty.bin', Buffer.alloc(0));
      const path = world.path('empty.bin');
      const result = await download(attachment, { path }, world.options(PARTS));
      expect(await readFile(path)).toHaveLength(0);
      expect(result).toMatchObject({ sizeBytes: 0, verified: { sha256: true, crc32c: true } });
    });

    it.each(['a/../b.bin', 'a//b.bin', './c.bin', 'a%2Fb.bin', 'ü ö+&=?#.bin', "it's (1)!*~.bin"])(
      'fetches the key %j as it is',
      async (key) => {
        const bytes = patternBytes(1_000);
        const attachment = await world.put(key, bytes);
        const got = await downloadBytes(attachment, { maxBytes: 10_000 }, world.options());
        expect(bytes.equals(got)).toBe(true);
      },
    );

    it('ends a writable after verification', async () => {
      const bytes = patternBytes(500 * KIB);
      const attachment = await world.put('writable.bin', bytes);
      const chunks: Buffer[] = [];
      const writable = new Writable({
        write(chunk: Buffer, _encoding, callback) {
          chunks.push(chunk);
          callback();
        },
      });
      const result = await download(attachment, { writable }, world.options());
      expect(bytes.equals(Buffer.concat(chunks))).toBe(true);
      expect(writable.writableFinished).toBe(true);
      expect(result).toMatchObject({ repeatedBytes: 0, verified: { sha256: true, crc32c: true } });
    });

    it('streams in order', async () => {
      const bytes = patternBytes(500 * KIB);
      const attachment = await world.put('stream.bin', bytes);
      const chunks: Buffer[] = [];
      for await (const chunk of downloadStream(attachment, world.options())) chunks.push(chunk as Buffer);
      expect(bytes.equals(Buffer.concat(chunks))).toBe(true);
    });

    it('replaces a target that exists', async () => {
      const path = world.path('twice.bin');
      const first = await world.put('twice-1.bin', patternBytes(10 * KIB, 1));
      const second = await world.put('twice-2.bin', patternBytes(5 * KIB, 2));
      await download(first, { path }, world.options());
      await download(second, { path }, world.options());
      expect(await readFile(path)).toEqual(patternBytes(5 * KIB, 2));
    });
  });
});
