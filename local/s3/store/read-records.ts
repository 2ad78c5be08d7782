import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

/** Records read before others get a turn. */
const TURN = 200;

/**
 * Reads JSON files that the store wrote itself, by name. One that is not JSON is removed and left out: only the
 * loss of power under durability `process` leaves such a file, and then it was never promised.
 *
 * The reads are synchronous, since that is an order of magnitude quicker for many small files; nobody is served
 * yet when they run, and the process still gets its turns.
 */
export async function readRecords<T>(dir: string, names: readonly string[]): Promise<T[]> {
  const records: T[] = [];
  for (const [index, name] of names.entries()) {
    const record = readRecord(join(dir, name));
    if (record !== undefined) records.push(record as T);
    if (index % TURN === TURN - 1) await setImmediate();
  }
  return records;
}

/** Reads one such file; undefined if it was torn, and is gone now. */
export function readRecord(path: string): unknown {
  const text = readFileSync(path, 'utf8');
  try {
    return JSON.parse(text);
  } catch {
    rmSync(path);
    return undefined;
  }
}
