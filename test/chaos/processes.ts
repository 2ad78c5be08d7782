import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUT = `${ROOT}dist/chaos`;

/** Makes programs of the processes: they import the built package by its public names, as users do. */
export async function buildPrograms(): Promise<void> {
  await build({
    entryPoints: [`${ROOT}test/chaos/worker.ts`, `${ROOT}test/chaos/producer.ts`],
    outdir: OUT,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    tsconfigRaw: {}, // its paths lead to the sources
    logLevel: 'error',
  });
}

/** A process that is started again whenever it is killed. */
export interface Kept {
  readonly name: string;
  readonly kills: number;
  /** True once it has ended because its work was done. */
  readonly isFinished: boolean;
  /** How it ended without being told to. */
  readonly accidents: readonly string[];
  /** SIGKILL, if it runs. */
  kill(): Promise<void>;
  start(env?: Readonly<Record<string, string>>): void;
  /** SIGTERM. @returns the exit code; 0 if it does not run */
  stop(): Promise<number | null>;
}

export function keepProcess(
  name: string,
  program: 'worker' | 'producer',
  configPath: string,
  log: string,
): Kept {
  const errors = createWriteStream(log, { flags: 'a' });
  const accidents: string[] = [];
  let child: ChildProcess | undefined;
  let [kills, isFinished, isTold] = [0, false, false];
  let started = Promise.resolve();

  return {
    name,
    accidents,
    get kills() {
      return kills;
    },
    get isFinished() {
      return isFinished;
    },
    start(env = {}) {
      if (child !== undefined || isFinished) return;
      isTold = false;
      const { PATH = '', HOME = '' } = process.env;
      const quiet = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
      const forked = fork(`${OUT}/${program}.js`, [configPath], {
        env: { PATH, HOME, ...quiet, ...env },
        execArgv: [], // not the loader that the driver runs under
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      child = forked;
      forked.stderr?.pipe(errors, { end: false });
      started = new Promise((resolve) => {
        forked.on('message', (said) => {
          if (said === 'finished') isFinished = true;
          resolve();
        });
        forked.once('exit', resolve);
      });
      forked.once('exit', (code, signal) => {
        child = undefined;
        if (!isTold && !isFinished) accidents.push(`${name} ended with ${code ?? signal}`);
      });
    },
    async kill() {
      if (child === undefined) return;
      isTold = true;
      kills += 1;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    async stop() {
      await started; // before that it knows no SIGTERM
      if (child === undefined) return 0;
      isTold = true;
      const gone = once(child, 'exit') as Promise<[number | null]>;
      child.kill('SIGTERM');
      const [code] = await gone;
      return code;
    },
  };
}
