import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { hashHere, type FileHash, type ReadAt } from './file-hash.ts';

/** Files from this size on are hashed by a thread, in bytes; below, starting one takes longer than hashing. */
export const THREAD_FROM_BYTES = 64 * 1024 ** 2;

/**
 * The thread's program. As text, so that it runs alike from TypeScript, from dist and from a bundle. It reads behind
 * the watermark of each file, a slice of each in turn, and answers `finish` and `close`.
 */
const PROGRAM = `
const { parentPort } = require('node:worker_threads');
const { createHash } = require('node:crypto');
const { readSync } = require('node:fs');
const buffer = Buffer.allocUnsafeSlow(512 * 1024);
const SLICE_BYTES = 8 * 1024 * 1024;
const files = new Map();
let running = false;

function slice(file) {
  for (let done = 0; done < SLICE_BYTES && file.at < file.to;) {
    const got = readSync(file.fd, buffer, 0, Math.min(buffer.length, file.to - file.at), file.at);
    if (got === 0) throw new Error('the partial file ends at byte ' + file.at);
    file.hash.update(buffer.subarray(0, got));
    file.at += got;
    done += got;
  }
}

function run() {
  running = false;
  for (const [id, file] of files) {
    try {
      slice(file);
      if (!file.finish || file.at < file.to) continue;
      parentPort.postMessage({ id, digest: file.hash.digest() });
    } catch (error) {
      parentPort.postMessage({ id, error: String(error) });
    }
    files.delete(id);
  }
  wake();
}

function wake() {
  if (running) return;
  for (const file of files.values()) {
    if (file.at < file.to || file.finish) {
      running = true;
      setImmediate(run);
      return;
    }
  }
}

parentPort.on('message', ({ id, fd, to, finish, close }) => {
  if (close) {
    files.delete(id);
    parentPort.postMessage({ id });
    return;
  }
  if (fd !== undefined) files.set(id, { fd, hash: createHash('sha256'), at: 0, to: 0, finish: false });
  const file = files.get(id);
  if (file === undefined) return;
  file.to = to;
  file.finish = finish;
  wake();
});
`;

interface Reply {
  readonly id: number;
  readonly digest?: Uint8Array;
  readonly error?: string;
}

interface Thread {
  readonly worker: Worker;
  readonly files: Map<number, (reply: Omit<Reply, 'id'>) => void>;
}

/** One for all downloads of the process, ended with the last of them. */
let thread: Thread | undefined;
let lastId = 0;

/**
 * Hashes on a thread that follows the watermark, reading from the page cache while this thread receives. If there can
 * be no thread, or it fails, the file is hashed here. Memory: about 10 MB for the thread, whatever the number of files.
 *
 * @param fd of the file, open for reading until `settle` or `finish` has answered
 */
export function hashInThread(fd: number, readAt: ReadAt): FileHash {
  const started = availableParallelism() > 1 ? startThread() : undefined;
  if (started === undefined) return hashHere(readAt);
  const { worker, files } = started;
  lastId += 1;
  const id = lastId;
  let over: Promise<Omit<Reply, 'id'>> | undefined;
  over = new Promise((resolve) => files.set(id, resolve));
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  const tell = (message: object): void => worker.postMessage({ id, ...message });
  tell({ fd, to: 0, finish: false });
  return {
    offer() {}, // it is read back
    advance: (bytes) => tell({ to: bytes, finish: false }),
    checkpoint: () => () => {},
    async finish(bytes) {
      tell({ to: bytes, finish: true });
      const reply = await over;
      over = undefined;
      leave(started, id);
      if (reply?.digest !== undefined) return Buffer.from(reply.digest);
      return await hashHere(readAt).finish(bytes);
    },
    async settle() {
      if (over === undefined) return;
      tell({ close: true });
      await over;
      over = undefined;
      leave(started, id);
    },
  };
}

function startThread(): Thread | undefined {
  if (thread !== undefined) return thread;
  try {
    const worker = new Worker(PROGRAM, { eval: true, execArgv: [], env: {}, name: 'waybill-sha256' });
    const files: Thread['files'] = new Map();
    const fail = (why: string): void => {
      if (thread?.worker === worker) thread = undefined;
      for (const answer of files.values()) answer({ error: why });
    };
    worker.on('message', ({ id, ...reply }: Reply) => files.get(id)?.(reply));
    worker.on('error', (error) => fail(String(error)));
    worker.on('exit', () => fail('the thread has ended'));
    thread = { worker, files };
    return thread;
  } catch {
    return undefined; // the permission model, or a runtime without threads
  }
}

function leave(of: Thread, id: number): void {
  of.files.delete(id);
  if (of.files.size > 0) return;
  if (thread === of) thread = undefined;
  void of.worker.terminate();
}
