import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Which build of the stack runs: the sources, or what users get. */
export type Build = 'source' | 'dist';

/** A running stack in a process of its own. */
export interface StackChild {
  readonly port: number;
  readonly pid: number;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url));
const MODULES = { source: '../../../local/index.ts', dist: '../../../dist/local/index.js' };

export async function startChild(dir: string, port: number, build: Build): Promise<StackChild> {
  const module = new URL(MODULES[build], import.meta.url).href;
  const execArgv = build === 'source' ? ['--import', 'tsx'] : [];
  const child = fork(CHILD, [module, dir, String(port)], {
    execArgv,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const gone = once(child, 'exit');
  const ready = once(child, 'message').then(([message]) => message as { port: number });
  const first = await Promise.race([
    ready,
    gone.then(([code]) => `the stack ended with ${code} before it was ready`),
  ]);
  if (typeof first === 'string') throw new Error(first);
  return {
    port: first.port,
    pid: child.pid!,
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
