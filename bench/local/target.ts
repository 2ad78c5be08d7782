import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Names in the stack that `stack.ts` starts. */
export const BUCKET = 'bench';
export const QUEUE = 'bench';

/** An S3 to measure, and for the embedded stack its queue. */
export interface Target {
  readonly name: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Absent for a peer that does S3 only. */
  readonly queueUrl?: string;
  /** Of the serving process, where we started it. */
  readonly pid?: number;
}

/** The embedded stack in a process of its own, on a directory that goes with it. */
export async function startStackProcess(
  options: { readonly durability?: string; readonly execArgv?: readonly string[] } = {},
): Promise<Target & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-bench-'));
  const child = fork(
    fileURLToPath(new URL('stack.ts', import.meta.url)),
    [dir, options.durability ?? 'process'],
    { execArgv: [...process.execArgv, ...(options.execArgv ?? [])], stdio: 'inherit' },
  );
  const gone = once(child, 'exit');
  const first: unknown = await Promise.race([once(child, 'message').then(([message]) => message), gone]);
  if (Array.isArray(first)) throw new Error('the stack ended before it was ready');
  return {
    ...(first as Target),
    name: 'local',
    [Symbol.asyncDispose]: async () => {
      child.send('stop');
      await gone;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
