import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

/** Ends the child with its parent even if that is killed; part of every Debian. */
const SETPRIV = '/usr/bin/setpriv';

/** How long a daemon may take to end after SIGTERM, in milliseconds; then it is killed. */
const STOP_MS = 15_000;

/** A daemon in the foreground of a child process. */
export interface Daemon {
  readonly name: string;
  /** What it ended with, if it has ended. */
  ended(): string | undefined;
  /** Ends it for certain. */
  stop(): Promise<void>;
}

/**
 * Starts a daemon; its output goes to a file.
 * @param output path of the file
 */
export async function startDaemon(
  name: string,
  program: string,
  args: readonly string[],
  output: string,
): Promise<Daemon> {
  const file = await open(output, 'a');
  const [command, ...rest] = existsSync(SETPRIV)
    ? [SETPRIV, '--pdeathsig', 'KILL', program, ...args]
    : [program, ...args];
  const child = spawn(command ?? program, rest, { stdio: ['ignore', file.fd, file.fd] });
  await file.close();
  let ended: string | undefined;
  const gone = new Promise<void>((resolve) => {
    const note = (how: string): void => {
      ended ??= how;
      resolve();
    };
    child.once('error', (error) => note(error.message));
    child.once('exit', (code, signal) => note(signal ?? `exit ${String(code)}`));
  });
  return { name, ended: () => ended, stop: async () => await stopChild(child, gone) };
}

async function stopChild(child: ChildProcess, gone: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(force);
}

/**
 * Runs a command to its end.
 * @returns its standard output
 * @throws {Error} with what it wrote to standard error
 */
export async function run(program: string, args: readonly string[], timeoutMs = 30_000): Promise<string> {
  const { stdout } = await runFile(program, args, { timeout: timeoutMs, maxBuffer: 8 * 1024 * 1024 });
  return stdout;
}

/**
 * Asks until the answer is yes.
 * @throws {Error} naming `what` if a daemon ended meanwhile, or after `timeoutMs`
 */
export async function waitUntil(
  what: string,
  timeoutMs: number,
  daemons: readonly Daemon[],
  isReady: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let why = 'it said no';
  for (;;) {
    const dead = daemons.find((daemon) => daemon.ended() !== undefined);
    if (dead !== undefined)
      throw new Error(`${dead.name} ended (${dead.ended() ?? ''}) while waiting for ${what}`);
    try {
      if (await isReady()) return;
    } catch (error) {
      why = String(error);
    }
    if (performance.now() > deadline)
      throw new Error(`${what} was not ready within ${timeoutMs} ms, last: ${why}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
