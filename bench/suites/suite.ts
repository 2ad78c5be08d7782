import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from '../harness/measure.ts';
import type { Contestant, RaceResult } from '../harness/race.ts';
import type { Needs, Workspace } from '../harness/workspace.ts';

/** How much is asked of a suite. */
export interface SuiteScale {
  /** Sizes of single payloads, in bytes. */
  readonly sizes: readonly number[];
  /** Size of the payload of `refetch`, in bytes. */
  readonly refetchSize: number;
  /** Payloads of `small`. */
  readonly smallCount: number;
  /** Events of `worker`; a quarter of them with attachments. */
  readonly eventCount: number;
}

/** What every suite gets. */
export interface SuiteContext extends SuiteScale {
  readonly workspace: Workspace;
  readonly rounds: number;
  /** Only contestants whose name contains this run, and the reference. @default - all */
  readonly only: string | undefined;
  /** Given to Waybill's download and upload as they are. */
  readonly engine: Readonly<Record<string, unknown>>;
  readonly log: (line: string) => void;
}

/** One command of the bench. */
export interface Suite {
  readonly name: string;
  readonly summary: string;
  /** Most bytes that stand in the workspace at a time. */
  needs(scale: SuiteScale): Needs;
  run(context: SuiteContext): Promise<RaceResult[]>;
}

/** Name of the store in the events of benches. */
export const STORE = 'bench';
/** Directory under a server's root, and name of the bucket. */
export const BUCKET = 'payloads';
/** nginx knows no versions; Waybill wants one. */
export const VERSION = 'v1';

/** A program of `runners/`, on this Node. */
export function runner(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Command {
  const path = fileURLToPath(new URL(`../runners/${name}.js`, import.meta.url));
  return { program: process.execPath, args: [path, ...args], env };
}

/** A runner whose arguments are in a file, since claim checks and presigned URLs do not belong on a command line. */
export async function runnerWithJob(
  context: SuiteContext,
  name: string,
  job: object,
  env: Readonly<Record<string, string>> = {},
): Promise<Command> {
  const path = join(context.workspace.outputs, 'job.json');
  await writeFile(path, JSON.stringify(job), { mode: 0o600 });
  return runner(name, [path], env);
}

/** Leaves out whom nobody asked for. */
export function chosen(
  { only }: SuiteContext,
  needed: readonly string[],
  contestants: readonly Contestant[],
): readonly Contestant[] {
  if (only === undefined) return contestants;
  const wanted = only.toLowerCase();
  return contestants.filter(({ name }) => needed.includes(name) || name.toLowerCase().includes(wanted));
}

/** `1 GiB`, `64 KiB`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${units[power] ?? ''}`;
}
