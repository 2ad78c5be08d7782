import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { downloadBytes, type DownloadOptions } from '../../../../consumers/download/index.ts';
import { ChecksumMismatchError, UrlExpiredError } from '../../../../shared/errors.ts';
import type { Attachment } from '../../../../shared/events/index.ts';
import { resolveStores } from '../../../../shared/stores.ts';
import { ENGINES, createWorld, kinds, patternBytes, transportOf, type World } from './world.ts';

const SIZE = 300 * 1024;
const bytes = patternBytes(SIZE);

/** Small payloads into memory, by one GET where that is all it takes: `stores` are resolved, as a worker's are. */
describe.each(ENGINES)('small, into memory, over %s', (name) => {
  const transport = transportOf(name);
  let world: World;
  let attachment: Attachment;

  beforeAll(async () => {
    world = await createWorld(transport);
    attachment = await world.put('small.bin', bytes);
  });
  afterEach(() => {
    world.faults.clear();
    world.events.length = 0;
    world.source.calls.length = 0;
    world.source.answer = undefined;
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  const fetched = async (of: Attachment, more: Partial<DownloadOptions> = {}): Promise<Buffer> =>
    await downloadBytes(
      of,
      { maxBytes: SIZE },
      world.options({ stores: resolveStores(world.stores), ...more }),
    );

  it('tells the same as any download, and is the very bytes', async () => {
    expect(bytes.equals(await fetched(attachment))).toBe(true);
    expect(kinds(world.events)).toEqual(['started', 'verifying', 'verified']);
    expect(world.events.at(-1)).toEqual({ kind: 'verified', sha256: true, crc32c: true });
  });

  it('goes on at the byte where the connection broke', async () => {
    world.faults.add({ match: { operation: 'GetObject' }, faults: { kind: 'cut', afterBytes: 100_000 } });
    expect(bytes.equals(await fetched(attachment))).toBe(true);
    expect(kinds(world.events)).toEqual(['started', 'retrying', 'resumed', 'verifying', 'verified']);
    expect(world.events.find(({ kind }) => kind === 'resumed')).toMatchObject({ atByte: 100_000 });
  });

  it('pins the object of the first reply', async () => {
    const { etag: _, ...unpinned } = attachment;
    world.faults.add({ match: { operation: 'GetObject' }, faults: { kind: 'cut', afterBytes: 1_000 } });
    world.faults.add({
      match: { operation: 'GetObject' },
      skip: 1,
      faults: { kind: 'wrong-etag' },
      times: Infinity,
    });
    await expect(fetched(unpinned)).rejects.toThrow(/etag/);
  });

  it('is fetched again once when its bytes are wrong, and then given up', async () => {
    world.faults.add({ match: { operation: 'GetObject' }, faults: { kind: 'flip-byte', at: 9 } });
    expect(bytes.equals(await fetched(attachment))).toBe(true);
    expect(kinds(world.events).filter((kind) => kind === 'restarted')).toHaveLength(1);
    world.events.length = 0;
    world.faults.clear();
    world.faults.add({
      match: { operation: 'GetObject' },
      times: Infinity,
      faults: { kind: 'flip-byte', at: 9 },
    });
    await expect(fetched(attachment)).rejects.toThrow(ChecksumMismatchError);
    expect(kinds(world.events).filter((kind) => kind === 'verifying')).toHaveLength(2);
  });

  it('refetches when the URL has expired by the store, once', async () => {
    const short = await world.put('short.bin', bytes, 60);
    world.stack.faults.add({
      match: { operation: 'GetObject' },
      faults: { kind: 'expire-now' },
    });
    expect(bytes.equals(await fetched(short))).toBe(true);
    expect(world.source.calls).toHaveLength(1);
    expect(kinds(world.events)).toContain('expired');
  });

  it('asks for a fresh URL first when the one it has is past its time', async () => {
    const old = await world.put('old.bin', bytes, 60);
    world.clock.advance(61_000);
    expect(bytes.equals(await fetched(old))).toBe(true);
    expect(world.source.calls).toHaveLength(1);
    const { urlSource: _, ...alone } = world.options({ stores: resolveStores(world.stores) });
    await expect(downloadBytes(old, { maxBytes: SIZE }, alone)).rejects.toThrow(UrlExpiredError);
  });

  it('ends with the reason of the signal', async () => {
    const controller = new AbortController();
    world.faults.add({ match: { operation: 'GetObject' }, faults: { kind: 'stall', afterBytes: 1_000 } });
    const reason = new Error('enough');
    const pending = fetched(attachment, {
      signal: controller.signal,
      onEvent: ({ kind }) => void (kind === 'started' && setImmediate(() => controller.abort(reason))),
    });
    await expect(pending).rejects.toBe(reason);
  });
});
