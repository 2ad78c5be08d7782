import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Peak resident memory in bytes, if asked for. */
  readonly peakRssBytes?: number;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Run under /usr/bin/time -v. */
  readonly measure?: boolean;
}

/** A `waybill` process that runs. */
export interface RunningCli {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The first line of stdout or stderr that matches; rejects if the process ends before. */
  waitFor(pattern: RegExp): Promise<string>;
  /** Signals the process itself, also under `time`. */
  kill(signal: NodeJS.Signals): void;
  readonly done: Promise<CliResult>;
}

/** Only PATH and HOME of our own environment, so that no AWS variable of the machine leaks into a test. */
function cleanEnv(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env;
  return { PATH, HOME, ...extra };
}

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const command = [process.execPath, MAIN, ...args];
  const [program = '', ...rest] = options.measure === true ? ['/usr/bin/time', '-v', ...command] : command;
  const child = spawn(program, rest, {
    cwd: options.cwd,
    env: cleanEnv(options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  const watchers = new Set<() => void>();
  const changed = (): void => watchers.forEach((watch) => watch());
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => ((stdout += chunk), changed()));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => ((stderr += chunk), changed()));
  child.stdin.end(options.input ?? '');
  const done = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const peak = /Maximum resident set size \(kbytes\): (\d+)/.exec(stderr)?.[1];
      resolve({ code, stdout, stderr, ...(peak === undefined ? {} : { peakRssBytes: Number(peak) * 1024 }) });
      changed();
    });
  });
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    done,
    kill: (signal) => {
      const pid = options.measure === true ? childOf(child.pid) : child.pid;
      if (pid !== undefined) process.kill(pid, signal);
    },
    waitFor: async (pattern) =>
      await new Promise((resolve, reject) => {
        const watch = (): void => {
          const line = `${stdout}\n${stderr}`.split('\n').find((each) => pattern.test(each));
          if (line !== undefined) resolve(line);
          else if (child.exitCode !== null || child.signalCode !== null) {
            reject(
              new Error(
                `ended (${child.exitCode ?? child.signalCode}) without ${pattern}:\n${stdout}\n${stderr}`,
              ),
            );
          } else return;
          watchers.delete(watch);
        };
        watchers.add(watch);
        watch();
      }),
  };
}

export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return await startCli(args, options).done;
}

/** A fresh directory that goes when the block ends. */
export async function tempDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'waybill-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** `waybill up` on free ports, and the variables that it wrote. */
export async function startUp(
  dir: string,
  options: { measure?: boolean; args?: readonly string[] } = {},
): Promise<RunningCli & { readonly env: Record<string, string> }> {
  const envFile = join(dir, 'up.env');
  const up = startCli(
    [
      'up',
      '--port',
      '0',
      '--url-service-port',
      '0',
      '--upload-port',
      '0',
      '--dir',
      join(dir, 'stack'),
      '--write-env',
      envFile,
      '--json',
      ...(options.args ?? []),
    ],
    { cwd: dir, measure: options.measure ?? false },
  );
  await up.waitFor(/"type":"up"/);
  const lines = (await readFile(envFile, 'utf8')).matchAll(/^export (\w+)='(.*)'$/gm);
  return {
    ...up,
    env: Object.fromEntries([...lines].map(([, name, value]) => [name, value])) as Record<string, string>,
  };
}

/** Records of a type in NDJSON output. */
export function recordsOf(result: { readonly stdout: string }, type: string): any[] {
  return result.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter((record) => record.type === type);
}

/** The program, or undefined; says so in one line when it is absent, and fails in CI, where nothing may be skipped. */
export function programOrSkip(path: string, apt: string): string | undefined {
  if (existsSync(path)) return path;
  if (process.env['CI'] !== undefined) throw new Error(`${path} is missing; CI installs ${apt}`);
  process.stderr.write(`skipped: ${path} is missing (apt-get install ${apt})\n`);
  return undefined;
}

/** `time -v` runs our process as its only child. */
function childOf(parent: number | undefined): number | undefined {
  if (parent === undefined) return undefined;
  try {
    const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8');
    return Number(children.trim().split(' ')[0]) || undefined;
  } catch {
    return undefined;
  }
}
