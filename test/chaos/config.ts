import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { StoreOptions } from 'waybill/producers';

export const PRODUCER = 'chaos-producer';
export const CONSUMER = 'chaos-consumer';
export const TYPE = 'chaos.made';
export const EVENTS = { [TYPE]: z.object({ index: z.number(), isPoisoned: z.boolean() }) };

/** What the driver tells the processes that it starts, in a file. */
export interface ChaosConfig {
  readonly dir: string;
  /** A small file system of its own, which the driver fills now and then. */
  readonly spool: string;
  readonly seed: number;
  readonly count: number;
  readonly startMs: number;
  /** Between two events of the plan. */
  readonly intervalMs: number;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly stores: Readonly<Record<string, StoreOptions>>;
  readonly control: StoreOptions;
  readonly bus: string;
  readonly queueUrl: string;
  readonly urlService: string;
  /** Serialised. */
  readonly signingKey: string;
  /** Life of every URL: most are dead when a worker gets to them. */
  readonly urlTtlSeconds: number;
}

/** The configuration of the process at hand, from the file named by its first argument. */
export function readConfig(): ChaosConfig {
  return JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ChaosConfig;
}

/** Where things stand below the directory of a run. */
export const paths = (dir: string) => ({
  config: join(dir, 'config.json'),
  stack: join(dir, 'stack'),
  source: join(dir, 'source'),
  received: join(dir, 'received'),
  drafts: join(dir, 'drafts'),
  effects: join(dir, 'effects'),
  published: join(dir, 'published.log'),
  runs: join(dir, 'runs.log'),
  told: join(dir, 'told.log'),
});

/** Adds a line at once: what was written before a kill -9 stays. */
export function append(path: string, record: object): void {
  appendFileSync(path, `${JSON.stringify(record)}\n`);
}

/** The lines of a log, oldest first; a last one that a kill cut short is left out. */
export function readLog<T>(path: string): T[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T);
}
