import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createGroupCommit } from '../../../../local/group-commit.ts';
import { openJournal, type Journal } from '../../../../local/sqs/journal.ts';
import { decodeRecord, encodeRecord, type QueueRecord } from '../../../../local/sqs/records.ts';
import { silentLogger } from '../../../../shared/logger.ts';

describe('openJournal', () => {
  let dir: string;
  let path: string;
  let replayed: QueueRecord[];
  let warnings: object[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-journal-'));
    path = join(dir, 'sqs', 'journal');
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });
  const open = async (snapshot: () => readonly QueueRecord[] = () => []): Promise<Journal> => {
    [replayed, warnings] = [[], []];
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    return await openJournal({ path, replay: (record) => void replayed.push(record), snapshot, logger });
  };
  const del = (id: string): QueueRecord => ['del', 'q', id];

  it('gives back what was committed, in order', async () => {
    const journal = await open();
    journal.append(del('a'));
    await journal.commit();
    journal.append(del('b 📦\n'));
    await journal.close();
    await (await open()).close();
    expect(replayed).toEqual([del('a'), del('b 📦\n')]);
    expect(warnings).toEqual([]);
  });

  it('cuts a record off at any byte, keeps those before, and goes on after them', async () => {
    const journal = await open();
    journal.append(del('first'));
    journal.append(del('second'));
    await journal.close();
    const { size } = await stat(path);
    const firstSize = Buffer.byteLength(encodeRecord(del('first')));
    for (let at = size - 1; at > firstSize; at -= 1) {
      await truncate(path, at);
      await (await open()).close();
      expect(replayed).toEqual([del('first')]);
      expect((await stat(path)).size).toBe(firstSize);
      await appendFile(path, encodeRecord(del('second')));
    }
  });

  it('stops at a line whose bytes have changed, and says so', async () => {
    const lines = [del('a'), del('b'), del('c')].map((record) => encodeRecord(record));
    await (await open()).close();
    await writeFile(path, lines.join('').replace('"b"', '"x"'));
    await (await open()).close();
    expect(replayed).toEqual([del('a')]);
    expect(warnings).toEqual([{ path, bytes: lines[1]!.length + lines[2]!.length }]);
  });

  it('writes the snapshot in place of everything when the file has doubled', async () => {
    const live: QueueRecord[] = [del('live')];
    const journal = await open(() => live);
    const big = 'x'.repeat(1_000_000);
    for (let round = 0; round < 5; round += 1) {
      journal.append(del(big));
      await journal.commit();
    }
    live.push(del('pending'));
    journal.append(del('pending')); // is in the snapshot already
    await journal.commit();
    expect(await readFile(path, 'utf8')).toBe(live.map((record) => encodeRecord(record)).join(''));
    journal.append(del('later'));
    await journal.close();
    await (await open()).close();
    expect(replayed).toEqual([del('live'), del('pending'), del('later')]);
  });
});

describe('decodeRecord', () => {
  it('knows its own lines only', () => {
    const line = encodeRecord(['purge', 'q']).trimEnd();
    expect(decodeRecord(line)).toEqual(['purge', 'q']);
    expect(decodeRecord(line.slice(0, -1))).toBeUndefined();
    expect(decodeRecord('')).toBeUndefined();
  });
});

describe('createGroupCommit', () => {
  it('shares one flush among those who come while another is under way', async () => {
    const flushed: (readonly number[])[] = [];
    let release = (): void => {};
    const group = createGroupCommit<number>(async (items) => {
      flushed.push(items);
      await new Promise<void>((resolve) => (release = resolve));
    });
    const commit = (item: number): Promise<void> => {
      group.add(item);
      return group.commit();
    };
    const first = commit(1);
    while (flushed.length < 1) await Promise.resolve();
    const others = [commit(2), commit(3), commit(4)];
    release();
    await first;
    while (flushed.length < 2) await Promise.resolve();
    release();
    await Promise.all(others);
    expect(flushed).toEqual([[1], [2, 3, 4]]);
    await group.commit(); // nothing is left: no flush
    expect(flushed).toHaveLength(2);
  });

  it('fails for ever once a flush has failed', async () => {
    const group = createGroupCommit<number>(async () => {
      throw new Error('disk full');
    });
    group.add(1);
    await expect(group.commit()).rejects.toThrow('disk full');
    await expect(group.commit()).rejects.toThrow('disk full');
  });
});
