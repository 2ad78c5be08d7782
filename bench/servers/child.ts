import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Command } from '../harness/measure.ts';

/** A server of ours in a process of its own. */
export interface ServerProcess<Ready> extends AsyncDisposable {
  /** What it said when it was ready. */
  readonly ready: Ready;
}

/** How long a server may take to start or to stop, in milliseconds. */
const GRACE_MS = 60_000;

/** Starts `servers/<name>`, a TypeScript program that prints one line of JSON when it is ready. */
export async function startServer<Ready>(
  name: string,
  args: readonly string[],
): Promise<ServerProcess<Ready>> {
  const path = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const first = once(lines, 'line', { signal: AbortSignal.timeout(GRACE_MS) });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${name}: ended with ${String(code)} before it was ready`);
  });
  try {
    const [line] = (await Promise.race([first, ended])) as [string];
    ended.catch(() => {}); // its end is awaited by stop()
    return { ready: JSON.parse(line) as Ready, [Symbol.asyncDispose]: async () => await stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

/** Starts a program that serves until it is told to stop. */
export function startProgram(command: Command): ChildProcess {
  return spawn(command.program, command.args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Asks a process to end and waits until it has; after a minute it is killed. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  await exited;
  clearTimeout(killer);
}
