import { appendFile, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { createGroupCommit } from '../group-commit.ts';
import type { Envelope } from './envelope.ts';

const DAY_MS = 86_400_000;

/** Archived events on disk: a folder for each archive, in it one file of JSON lines for each day of event time. */
export interface ArchiveFiles {
  /** Keeps events; resolves when they are on disk. */
  append(archive: string, events: readonly Envelope[]): Promise<void>;
  /** The events from `fromMs` up to, not including, `toMs`, by event time, a day at a time. */
  read(archive: string, fromMs: number, toMs: number): AsyncGenerator<Envelope>;
  /** How much is kept. */
  measure(archive: string): Promise<{ readonly events: number; readonly bytes: number }>;
  /** Deletes days that ended before this instant. */
  prune(archive: string, beforeMs: number): Promise<void>;
  /** Deletes an archive's events. */
  remove(archive: string): Promise<void>;
}

/** Opens the archives in `dir`. Files are for their owner only: events hold presigned URLs and claim checks. */
export function openArchiveFiles(dir: string): ArchiveFiles {
  const checked = new Set<string>();

  /** Ends the last line of a file that a crash left without an end, so that the next event has a line of its own. */
  const endLastLine = async (path: string): Promise<void> => {
    if (checked.has(path)) return;
    checked.add(path);
    const file = await open(path, 'a+', 0o600);
    try {
      const { size } = await file.stat();
      if (size === 0) return;
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
      if (buffer[0] !== 10) await file.write('\n');
    } finally {
      await file.close();
    }
  };

  const group = createGroupCommit<{ readonly path: string; readonly line: string }>(async (items) => {
    const texts = new Map<string, string>();
    for (const { path, line } of items) texts.set(path, `${texts.get(path) ?? ''}${line}\n`);
    for (const [path, text] of texts) {
      await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
      await endLastLine(path);
      await appendFile(path, text, { mode: 0o600, flush: true });
    }
  });

  const daysOf = async (archive: string): Promise<readonly string[]> => {
    const names = await readdir(join(dir, archive)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names.filter((name) => name.endsWith('.ndjson')).sort();
  };

  return {
    append: async (archive, events) => {
      for (const event of events) {
        const path = join(dir, archive, `${event.time.slice(0, 10)}.ndjson`);
        group.add({ path, line: JSON.stringify(event) });
      }
      await group.commit();
    },
    read: async function* read(archive, fromMs, toMs) {
      for (const name of await daysOf(archive)) {
        const dayMs = Date.parse(name.slice(0, 10));
        if (dayMs + DAY_MS <= fromMs || dayMs >= toMs) continue;
        const events = parseLines(await readFile(join(dir, archive, name), 'utf8'));
        const timed = events.map((event) => ({ event, timeMs: Date.parse(event.time) }));
        timed.sort((a, b) => a.timeMs - b.timeMs); // stable: events of one second stay as they came
        for (const { event, timeMs } of timed) if (timeMs >= fromMs && timeMs < toMs) yield event;
      }
    },
    measure: async (archive) => {
      let [events, bytes] = [0, 0];
      for (const name of await daysOf(archive)) {
        const text = await readFile(join(dir, archive, name), 'utf8');
        events += parseLines(text).length;
        bytes += Buffer.byteLength(text);
      }
      return { events, bytes };
    },
    prune: async (archive, beforeMs) => {
      for (const name of await daysOf(archive))
        if (Date.parse(name.slice(0, 10)) + DAY_MS <= beforeMs) await rm(join(dir, archive, name));
    },
    remove: async (archive) => {
      await rm(join(dir, archive), { recursive: true, force: true });
      for (const path of checked) if (path.startsWith(join(dir, archive, '/'))) checked.delete(path);
    },
  };
}

/** The events of a day's file; what a crash tore is skipped. */
function parseLines(text: string): readonly Envelope[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Envelope];
    } catch {
      return [];
    }
  });
}
