import { open, readFile, rename, unlink, type FileHandle } from 'node:fs/promises';
import { crc32cFromBase64, crc32cToBase64 } from '../../shared/crc32c.ts';
import { onDisk } from './on-disk.ts';

/** Version of the journal's format. */
const JOURNAL_VERSION = 1;

/** Which object, and cut how, the parts of a partial file are of. */
export interface JournalHeader {
  readonly version: typeof JOURNAL_VERSION;
  readonly store: string;
  readonly key: string;
  readonly versionId?: string | undefined;
  readonly etag?: string | undefined;
  readonly size: number;
  readonly digest?: string | undefined;
  readonly partSizeBytes: number;
}

/** What an earlier process wrote down. */
export interface JournalRecord {
  readonly header: JournalHeader;
  /** CRC32C of each part that was written, by its index. */
  readonly parts: ReadonlyMap<number, number>;
}

/** Where the parts that are on disk are written down: a header line, then a line for each part, all JSON. */
export interface Journal {
  /** Notes that a part's bytes have been written. Not flushed: each part is read back and checked on resume. */
  append(part: number, crc32c: number): Promise<void>;
  close(): Promise<void>;
}

/** A header for this version of the format. */
export function journalHeader(of: Omit<JournalHeader, 'version'>): JournalHeader {
  return { version: JOURNAL_VERSION, ...of };
}

/**
 * Reads a journal; `none` if there is none, `unreadable` if its header is not one. Lines that are torn or make no sense are
 * passed over: a part too few costs a download of it, nothing else. Memory: in proportion to the parts written.
 * @throws {StorageError}
 */
export async function readJournal(path: string): Promise<JournalRecord | 'none' | 'unreadable'> {
  const text = await onDisk('read', path, async () => await readFile(path, 'utf8').catch(absent));
  if (text === undefined) return 'none';
  const [first = '', ...rest] = text.split('\n');
  const header = parseLine(first);
  if (!isHeader(header)) return 'unreadable';
  const parts = new Map<number, number>();
  for (const line of rest) {
    const entry = parseLine(line);
    const crc = typeof entry['crc32c'] === 'string' ? crc32cFromBase64(entry['crc32c']) : undefined;
    if (isCount(entry['part'], 0) && crc !== undefined) parts.set(entry['part'], crc);
  }
  return { header, parts };
}

function isHeader(line: unknown): line is JournalHeader {
  const { version, store, key, versionId, etag, size, digest, partSizeBytes } = line as Record<
    string,
    unknown
  >;
  const texts = [versionId, etag, digest].filter((text) => text !== undefined);
  return (
    version === JOURNAL_VERSION &&
    [store, key, ...texts].every((text) => typeof text === 'string') &&
    isCount(size, 0) &&
    isCount(partSizeBytes, 1)
  );
}

function isCount(value: unknown, min: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min;
}

/**
 * Begins a journal with the parts that are known to be good; what stood there is replaced at once.
 * @throws {StorageError}
 */
export async function startJournal(
  path: string,
  header: JournalHeader,
  parts: Iterable<readonly [number, number]>,
): Promise<Journal> {
  const draft = `${path}.new`;
  return await onDisk('write', path, async () => {
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.appendFile(`${JSON.stringify(header)}\n`);
      for (const [part, crc] of parts) await handle.appendFile(line(part, crc));
      await rename(draft, path);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return appendTo(path, handle);
  });
}

function appendTo(path: string, handle: FileHandle): Journal {
  let last: Promise<unknown> = Promise.resolve();
  return {
    async append(part, crc32c) {
      // One after the other: lines of parallel ranges must not tear each other.
      const turn = last.then(async () => await handle.appendFile(line(part, crc32c)));
      last = turn.catch(() => {});
      await onDisk('write', path, async () => await turn);
    },
    close: async () => await handle.close(),
  };
}

/** Removes a journal if there is one. @throws {StorageError} */
export async function removeFile(path: string): Promise<void> {
  await onDisk('remove', path, async () => {
    await unlink(path).catch(absent);
  });
}

function line(part: number, crc: number): string {
  return `${JSON.stringify({ part, crc32c: crc32cToBase64(crc) })}\n`;
}

/** The fields of a line; none if it is torn or no object. */
function parseLine(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
