import { readFile } from 'node:fs/promises';

/** Peak resident memory of a running process, in bytes, as Linux counts it. */
export async function peakRssBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024;
}
