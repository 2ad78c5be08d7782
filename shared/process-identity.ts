import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/** Which process something belongs to, so that others of the same machine can tell when it has died. */
export interface ProcessIdentity {
  readonly host: string;
  /** The namespace that gives process ids their meaning; null where there is none to be seen. */
  readonly namespace: string | null;
  readonly pid: number;
  /** Ticks since boot; null where there is no /proc. */
  readonly started: string | null;
}

let own: Promise<ProcessIdentity> | undefined;

/** This process; asked for once. */
export async function thisProcess(): Promise<ProcessIdentity> {
  own ??= identify();
  return await own;
}

async function identify(): Promise<ProcessIdentity> {
  const { pid } = process;
  return { host: hostname(), namespace: await namespaceHere(), pid, started: await startOf(pid) };
}

/**
 * `gone`: it has died. `alive`: it runs. `unknown`: it is of another machine or container, or no identity at all.
 * A process id that was given to another process since does not count: processes that started at different times differ.
 */
export async function stateOfProcess(identity: unknown): Promise<'gone' | 'alive' | 'unknown'> {
  const { host, namespace, pid, started } = parse(identity);
  const here = await thisProcess();
  if (host !== here.host || namespace !== here.namespace || pid === undefined) return 'unknown';
  if (!isAlive(pid)) return 'gone';
  const now = await startOf(pid);
  return now !== null && typeof started === 'string' && now !== started ? 'gone' : 'alive';
}

function parse(value: unknown): { host?: unknown; namespace?: unknown; started?: unknown; pid?: number } {
  if (typeof value !== 'object' || value === null) return {};
  const { host, namespace = null, started, pid } = value as Record<string, unknown>;
  const valid = typeof pid === 'number' && Number.isInteger(pid) && pid > 0;
  return { host, namespace, started, ...(valid ? { pid } : {}) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'; // EPERM: it lives, as another user's
  }
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html field 22 */
async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

/** @see https://man7.org/linux/man-pages/man7/pid_namespaces.7.html */
async function namespaceHere(): Promise<string | null> {
  return await readlink('/proc/self/ns/pid').catch(() => null);
}
