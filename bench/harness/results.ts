import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.ts';
import type { RaceResult } from './race.ts';

/** What one run of a suite found; a file of `results/` holds a race of it, so that races can be run on their own. */
export interface SuiteResult {
  readonly suite: string;
  /** When the run began, RFC 3339. */
  readonly date: string;
  readonly machine: Machine;
  /** Where clients wrote. */
  readonly outputRoot: string;
  /** One-minute load before the run: above half a core, others were at work. */
  readonly loadBefore: number;
  readonly races: readonly RaceResult[];
}

const DIR = new URL('../results/', import.meta.url);

/** Writes `results/<race>.json` for each of its races. Returns where. */
export async function writeResult(result: SuiteResult): Promise<string[]> {
  await mkdir(DIR, { recursive: true });
  return await Promise.all(
    result.races.map(async (race) => {
      const path = new URL(`${race.id}.json`, DIR);
      await writeFile(path, `${JSON.stringify({ ...result, races: [race] }, null, 2)}\n`);
      return fileURLToPath(path);
    }),
  );
}

/** All results that are there. */
export async function readResults(): Promise<SuiteResult[]> {
  const names = (await readdir(DIR)).filter((name) => name.endsWith('.json')).sort();
  return await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(new URL(name, DIR), 'utf8')) as SuiteResult),
  );
}
