import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './measure.ts';

/** A file system in memory. */
export const MEMORY = '/dev/shm';

/** Where a bench works. All of it is removed at the end. */
export interface Workspace extends AsyncDisposable {
  /** What servers read: in memory, so that no disk is measured on their side. */
  readonly sources: string;
  /** Where clients write. */
  readonly outputs: string;
}

/** Most bytes that stand in a workspace at a time. */
export interface Needs {
  readonly sources: number;
  readonly outputs: number;
}

/** Room kept free beside what a bench writes, in bytes. */
const MARGIN_BYTES = 512 * 1024 ** 2;

/**
 * Makes a workspace.
 * @param outputRoot where clients write
 * @throws {Error} when there is not enough room
 */
export async function openWorkspace(needs: Needs, outputRoot: string): Promise<Workspace> {
  await mkdir(outputRoot, { recursive: true });
  const shared = `${outputRoot}/`.startsWith(`${MEMORY}/`);
  await checkRoom(MEMORY, needs.sources + (shared ? needs.outputs : 0));
  if (!shared) await checkRoom(outputRoot, needs.outputs);
  const sources = await mkdtemp(join(MEMORY, 'waybill-bench-'));
  const outputs = await mkdtemp(join(outputRoot, 'waybill-bench-'));
  return {
    sources,
    outputs,
    async [Symbol.asyncDispose]() {
      await rm(sources, { recursive: true, force: true });
      await rm(outputs, { recursive: true, force: true });
    },
  };
}

/**
 * Makes the kernel touch as much memory as a run will dirty. On a virtual machine the first touch of a page is far
 * slower than the next one, and would count against whoever comes first.
 */
export async function warmMemory(dir: string, bytes: number): Promise<void> {
  const path = join(dir, 'warm');
  const blocks = Math.ceil(bytes / 1024 ** 2);
  await run({
    program: 'dd',
    args: ['if=/dev/zero', `of=${path}`, 'bs=1M', `count=${blocks}`, 'status=none'],
  });
  await rm(path);
}

async function checkRoom(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (free >= bytes + MARGIN_BYTES) return;
  throw new Error(`${dir}: ${free} bytes are free, ${bytes + MARGIN_BYTES} are needed`);
}
