import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interrupted } from './interrupt.ts';

/** A client to run. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to PATH and HOME, which is all that a client sees of our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One run of a client, start to exit. */
export interface Sample {
  /** From spawn to exit, in seconds. */
  readonly wallSeconds: number;
  /** User and system time of the process and its children, in seconds. */
  readonly cpuSeconds: number;
  /** Largest resident set of the process or one of its children, in bytes. */
  readonly peakRssBytes: number;
  /** What the client says of itself: the JSON object on its last line of stdout. */
  readonly said: Readonly<Record<string, unknown>>;
  /** Seconds of the transfer alone, by the client's own clock; undefined if it does not say. */
  readonly insideSeconds: number | undefined;
}

/** Longest a client may take, in milliseconds. */
const TIMEOUT_MS = 15 * 60_000;

/**
 * Runs a client under `/usr/bin/time`, which reads its resources with wait4.
 * @throws {Error} when it exits with anything but 0, with the end of its stderr
 */
export async function measure(command: Command): Promise<Sample> {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-time-'));
  const report = join(dir, 'time');
  try {
    const startedMs = performance.now();
    const stdout = await run({
      ...command,
      program: '/usr/bin/time',
      args: ['-q', '-o', report, '-f', '%U %S %M', command.program, ...command.args],
    });
    const wallSeconds = (performance.now() - startedMs) / 1_000;
    const [user = 0, system = 0, rssKib = 0] = (await readFile(report, 'utf8')).trim().split(' ').map(Number);
    const said = lastObject(stdout);
    const inside = said['insideSeconds'];
    return {
      wallSeconds,
      cpuSeconds: user + system,
      peakRssBytes: rssKib * 1024,
      said,
      insideSeconds: typeof inside === 'number' ? inside : undefined,
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/**
 * Runs a program to its end and returns its stdout.
 * @throws {Error} when it does not exit with 0, takes longer than 15 minutes, or the bench is interrupted
 */
export async function run(command: Command): Promise<string> {
  interrupted.throwIfAborted();
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command.program, command.args, {
    env: { PATH, HOME, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own, so that its children end with it
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4_000)));
  const end = (): void => killGroup(child.pid);
  const timer = setTimeout(end, TIMEOUT_MS);
  interrupted.addEventListener('abort', end, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        if (code === 0) resolve(stdout);
        else reject(new Error(`${command.program} ${command.args.join(' ')}: ${code ?? signal}\n${stderr}`));
      });
    });
  } finally {
    clearTimeout(timer);
    interrupted.removeEventListener('abort', end);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has just ended
  }
}

function lastObject(stdout: string): Readonly<Record<string, unknown>> {
  const line = stdout.trimEnd().split('\n').at(-1) ?? '';
  return line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {};
}
