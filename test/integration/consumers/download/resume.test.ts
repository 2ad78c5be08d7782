import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { download, type DownloadEvent } from '../../../../consumers/download/index.ts';
import type { Clock } from '../../../../shared/clock.ts';
import { DeadlineExceededError, StorageError, TransferError } from '../../../../shared/errors.ts';
import { thisProcess } from '../../../../shared/process-identity.ts';
import type { ChildOrder } from './child.ts';
import { TRANSPORTS, createWorld, exists, patternBytes, transportOf, type World } from './world.ts';

const KIB = 1024;
const PART = 64 * KIB;
const PARTS = { partSizeBytes: PART, singleGetBelowBytes: 0, connections: 1 } as const;
const bytes = patternBytes(640 * KIB);

describe.each(TRANSPORTS)('over %s', (name) => {
  const transport = transportOf(name);
  let world: World;

  beforeAll(async () => {
    world = await createWorld(transport);
  });
  afterEach(() => {
    world.faults.clear();
    world.events.length = 0;
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  /** Downloads until three parts and a bit are there, and aborts. */
  async function interrupt(name: string, more: object = {}) {
    const attachment = await world.put(name, bytes);
    const controller = new AbortController();
    const reason = new Error('enough');
    const onEvent = (event: DownloadEvent): void => {
      if (event.kind === 'progress' && event.receivedBytes >= 3.5 * PART) controller.abort(reason);
    };
    const path = world.path(name);
    const options = world.options({ ...PARTS, onEvent, signal: controller.signal, ...more });
    await expect(download(attachment, { path }, options)).rejects.toBe(reason);
    return { attachment, path, partial: `${path}.waybill-part`, journal: `${path}.waybill-part.journal` };
  }

  describe('an aborted download', () => {
    it('keeps its parts for the next one, which fetches only what is missing', async () => {
      const { attachment, path } = await interrupt('aborted');
      expect(await exists(path)).toBe(false);
      const result = await download(attachment, { path }, world.options(PARTS));
      expect(bytes.equals(await readFile(path))).toBe(true);
      expect(result.journalBytes).toBeGreaterThanOrEqual(3 * PART);
      expect(result).toMatchObject({ repeatedBytes: 0, fetchedBytes: bytes.length - result.journalBytes });
      expect((await readdir(world.dir)).filter((name) => name.startsWith('aborted'))).toEqual(['aborted']);
    });

    it('ignores a torn last line', async () => {
      const { attachment, path, journal } = await interrupt('torn');
      await appendFile(journal, '{"part":9,"crc32');
      const result = await download(attachment, { path }, world.options(PARTS));
      expect(result.journalBytes).toBeGreaterThanOrEqual(3 * PART);
      expect(bytes.equals(await readFile(path))).toBe(true);
    });

    it('fetches a part again whose bytes on disk have changed', async () => {
      const { attachment, path, partial } = await interrupt('rotten');
      const handle = await open(partial, 'r+');
      await handle.write(Buffer.from([1, 2, 3, 4]), 0, 4, PART + 100);
      await handle.close();
      const result = await download(attachment, { path }, world.options(PARTS));
      expect(result.journalBytes).toBeGreaterThanOrEqual(2 * PART);
      expect(result.restarts).toBe(0);
      expect(bytes.equals(await readFile(path))).toBe(true);
    });

    it.each(['key', 'partSizeBytes', 'missing partial'])(
      'begins again when the journal is of another %s',
      async (what) => {
        const { attachment, path, partial, journal } = await interrupt(`other-${what.slice(0, 4)}`);
        if (what === 'missing partial') await writeFile(partial, '');
        const text = await readFile(journal, 'utf8');
        if (what === 'key') await writeFile(journal, text.replace('"key":"', '"key":"x'));
        const options = what === 'partSizeBytes' ? { ...PARTS, partSizeBytes: PART + 1 } : PARTS;
        const result = await download(attachment, { path }, world.options(options));
        expect(result.journalBytes).toBe(0);
        expect(bytes.equals(await readFile(path))).toBe(true);
      },
    );

    it('keeps nothing open and no listener', async () => {
      const controller = new AbortController();
      const attachment = await world.put('listeners', patternBytes(100));
      let listeners = 0;
      const { signal } = controller;
      const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
      signal.addEventListener = (...given: Parameters<typeof add>) => {
        listeners += 1;
        add(...given);
      };
      signal.removeEventListener = (...given: Parameters<typeof remove>) => {
        listeners -= 1;
        remove(...given);
      };
      for (let n = 0; n < 200; n += 1) {
        await download(attachment, { path: world.path('listeners') }, world.options({ signal }));
      }
      expect(listeners).toBe(0);
    });
  });

  describe('many connections', () => {
    it('cause no warning about listeners', async () => {
      const warnings: Error[] = [];
      const onWarning = (warning: Error): void => void warnings.push(warning);
      process.on('warning', onWarning);
      const late = await world.put('many', bytes, 60);
      world.clock.advance(61_000);
      const options = world.options({ partSizeBytes: 10 * KIB, singleGetBelowBytes: 0, connections: 32 });
      await download(late, { path: world.path('many') }, options);
      process.off('warning', onWarning);
      expect(warnings).toEqual([]);
    });
  });

  describe('a deadline', () => {
    it('ends the download and keeps its parts', async () => {
      const attachment = await world.put('deadline', bytes);
      world.faults.add({
        match: { operation: 'GetObject' },
        skip: 2,
        faults: { kind: 'stall', afterBytes: 0 },
      });
      const path = world.path('deadline');
      let pass: () => void = () => {};
      const passed = new Promise<void>((resolve) => (pass = resolve));
      const sleep: Clock['sleep'] = async (ms, signal) =>
        await (ms === 300 ? passed : world.clock.sleep(ms, signal));
      const options = world.options({ ...PARTS, deadlineMs: 300, clock: { ...world.clock, sleep } });
      const done = download(attachment, { path }, options);
      const journal = async (): Promise<string> => await readFile(`${path}.waybill-part.journal`, 'utf8');
      await expect
        .poll(async () => (await journal().catch(() => '')).match(/"part":/g)?.length, { timeout: 10_000 })
        .toBe(2);
      pass();
      await expect(done).rejects.toThrow(DeadlineExceededError);
      const result = await download(attachment, { path }, world.options(PARTS));
      expect(result.journalBytes).toBe(2 * PART);
    });
  });

  describe('the lock', () => {
    it('keeps two downloads of one process apart', async () => {
      const attachment = await world.put('lock', bytes);
      const path = world.path('lock');
      const both = await Promise.allSettled([
        download(attachment, { path }, world.options(PARTS)),
        download(attachment, { path }, world.options(PARTS)),
      ]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const { reason } = both.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(TransferError);
      expect(bytes.equals(await readFile(path))).toBe(true);
    });

    it.each([
      ['of a live process is respected', { pid: process.ppid, started: null }, false],
      ['of another machine is respected while fresh', { host: 'elsewhere', pid: 1, started: '1' }, false],
      ['of another container is respected while fresh', { namespace: 'pid:[1]', pid: 2 ** 22 + 1 }, false],
      ['of a dead process is taken over', { pid: 2 ** 22 + 1, started: '1' }, true],
      ['of a reused process id is taken over', { pid: process.ppid, started: '1' }, true],
      ['of an earlier process with this id is taken over', { pid: process.pid, started: undefined }, true],
    ] as const)('%s', async (name, content, taken) => {
      const attachment = await world.put('lock-file', bytes);
      const path = world.path(name.replaceAll(' ', '-'));
      await writeFile(`${path}.waybill-part.lock`, JSON.stringify({ ...(await thisProcess()), ...content }));
      const done = download(attachment, { path }, world.options(PARTS));
      if (taken) await expect(done).resolves.toMatchObject({ sizeBytes: bytes.length });
      else await expect(done).rejects.toThrow(/in use/);
      expect(await exists(`${path}.waybill-part.lock`)).toBe(!taken);
    });
  });

  describe('a disk that refuses', () => {
    it('fails with StorageError', async () => {
      const attachment = await world.put('disk', bytes);
      await writeFile(world.path('a-file'), '');
      const path = world.path('a-file/below');
      await expect(download(attachment, { path }, world.options())).rejects.toThrow(StorageError);
    });

    it('keeps the parts when the target cannot be written, for the next attempt', async () => {
      const attachment = await world.put('target', bytes);
      const path = world.path('occupied');
      const partialPath = world.path('occupied-part');
      await mkdir(path);
      await expect(download(attachment, { path, partialPath }, world.options(PARTS))).rejects.toThrow(
        StorageError,
      );
      expect(await exists(`${partialPath}.journal`)).toBe(true);
      const elsewhere = world.path('free');
      const result = await download(attachment, { path: elsewhere, partialPath }, world.options(PARTS));
      expect(result).toMatchObject({ journalBytes: bytes.length, fetchedBytes: 0 });
      await chmod(path, 0o700);
    });
  });

  describe('a killed process', () => {
    it('leaves a download that goes on with at most one part per connection fetched again', async () => {
      const connections = 3;
      const attachment = await world.put('killed', bytes);
      const path = world.path('killed');
      world.faults.add({
        match: { operation: 'GetObject' },
        times: Infinity,
        faults: { kind: 'throttle', bytesPerSecond: 300_000 },
      });
      const child = fork(new URL('child.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
      const wire = {
        ...attachment,
        access: { ...attachment.access, url: attachment.access!.url.reveal() },
      };
      const order: ChildOrder = {
        attachment: wire,
        path,
        stores: world.stores,
        partSizeBytes: PART,
        connections,
        transport: name,
      };
      let received = 0;
      child.on('message', (event: DownloadEvent) => {
        if (event.kind !== 'progress') return;
        received = event.receivedBytes;
        if (received >= bytes.length / 2) child.kill('SIGKILL');
      });
      child.send(order);
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
      world.faults.clear();
      expect(await exists(path)).toBe(false);
      const result = await download(attachment, { path }, world.options({ ...PARTS, connections }));
      expect(bytes.equals(await readFile(path))).toBe(true);
      expect(result.journalBytes).toBeGreaterThan(0);
      expect(received - result.journalBytes).toBeLessThanOrEqual(connections * PART);
      expect(result.repeatedBytes).toBe(0);
    });
  });
});
