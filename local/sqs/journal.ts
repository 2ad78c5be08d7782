import { createReadStream } from 'node:fs';
import { mkdir, open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Logger } from '../../shared/logger.ts';
import { createGroupCommit } from '../group-commit.ts';
import { syncDirectory } from '../s3/store/durable-file.ts';
import { decodeRecord, encodeRecord, type QueueRecord } from './records.ts';

/** Smallest journal that is ever compacted, in bytes. */
const MIN_COMPACTION_BYTES = 4 * 1024 ** 2;

/** Text written to a compacted journal at a time, in characters. */
const CHUNK_LENGTH = 1024 ** 2;

/** Where changes of queues are written before they are acknowledged. */
export interface Journal {
  /** Notes a change that has been made in memory. */
  append(record: QueueRecord): void;
  /** Resolves when every change noted so far is on disk. @throws the writing error, now and ever after */
  commit(): Promise<void>;
  /** Writes what is left and closes the file. */
  close(): Promise<void>;
}

/** A journal that keeps nothing, for stacks without a directory of their own. */
export const noJournal: Journal = { append() {}, commit: async () => {}, close: async () => {} };

/** What a journal needs. */
export interface JournalOptions {
  readonly path: string;
  /** Takes the records of the last run, in order. */
  readonly replay: (record: QueueRecord) => void;
  /** The records that make the present state anew; asked when the journal is compacted. */
  readonly snapshot: () => readonly QueueRecord[];
  readonly logger: Logger;
}

/**
 * Opens the journal: an append-only file, one record a line. A torn tail, left by a crash in the midst of a
 * write that nobody was told about, is cut off. When the file has doubled since its last compaction, it is
 * written anew beside itself and renamed in.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { path, snapshot, logger } = options;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  let file = await open(path, 'a', 0o600);
  let size = await replayFile(path, options.replay);
  const { size: found } = await file.stat();
  if (found > size) {
    logger.warn({ path, bytes: found - size }, 'the torn tail of a journal was cut off');
    await file.truncate(size);
    await file.datasync();
  }
  await syncDirectory(dirname(path));
  let compactAtBytes = MIN_COMPACTION_BYTES;

  /** The state in memory is ahead of the file by what is pending, so what is pending needs no writing. */
  const compact = async (): Promise<void> => {
    const records = snapshot();
    const aside = await open(`${path}.new`, 'w', 0o600);
    let written: number;
    try {
      written = await writeAll(aside, records);
      await aside.datasync();
    } catch (error) {
      await aside.close();
      throw error;
    }
    await rename(`${path}.new`, path);
    await syncDirectory(dirname(path));
    await file.close();
    file = aside;
    size = written;
    compactAtBytes = Math.max(MIN_COMPACTION_BYTES, written * 2);
  };

  const group = createGroupCommit<string>(async (lines) => {
    if (size > compactAtBytes) {
      await compact();
      return;
    }
    const bytes = Buffer.from(lines.join(''));
    await file.appendFile(bytes);
    await file.datasync();
    size += bytes.length;
  });

  return {
    append: (record) => group.add(encodeRecord(record)),
    commit: () => group.commit(),
    close: async () => {
      try {
        await group.commit();
      } finally {
        await file.close();
      }
    },
  };
}

/** @returns the bytes up to the end of the last whole record. */
async function replayFile(path: string, replay: (record: QueueRecord) => void): Promise<number> {
  let size = 0;
  let parts: Buffer[] = [];
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, end)]);
      const record = decodeRecord(line.toString('utf8'));
      if (record === undefined) return size;
      replay(record);
      size += line.length + 1;
      parts = [];
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  return size;
}

async function writeAll(file: FileHandle, records: readonly QueueRecord[]): Promise<number> {
  let [text, written] = ['', 0];
  const flush = async (): Promise<void> => {
    const bytes = Buffer.from(text);
    text = '';
    await file.appendFile(bytes);
    written += bytes.length;
  };
  for (const record of records) {
    text += encodeRecord(record);
    if (text.length > CHUNK_LENGTH) await flush();
  }
  await flush();
  return written;
}
