import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { crc32c } from '../../../shared/crc32c.ts';
import { readErrorBody } from '../../../shared/s3-error-body.ts';
import { createBlockPool } from '../fast/block-pool.ts';
import { createFastTransport } from '../fast/fast-transport.ts';
import { errnoCode } from '../on-disk.ts';
import { TransportError, type FilePlace } from '../transport.ts';
import type { FromThread, ThreadData, ThreadFailure, ToThread } from './messages.ts';

/*
 * The program of a thread that receives: it makes the requests it is told of, and writes good bodies into files.
 * Whatever must be decided is decided by the thread that asked (threads.ts): the head goes there first, and nothing is
 * written before it has said where to. Here a block is read, summed and written while it is in this core's cache; the
 * write may block, as nobody else waits for this thread.
 */

/** News of what has been written comes at least after this many bytes, as every message wakes another thread, */
const NEWS_BYTES = 2 * 1024 ** 2;

/** or with the next bytes after this time, in milliseconds. */
const NEWS_MS = 100;

interface Running {
  place(place: FilePlace): void;
  cancel(): void;
}

const { connectTimeoutMs, ca } = workerData as ThreadData;
const transport = createFastTransport({
  connectTimeoutMs,
  pool: createBlockPool(),
  ...(ca === undefined ? {} : { ca }),
});
const running = new Map<number, Running>();

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
const tell = (message: FromThread): void => parentPort?.postMessage(message);

parentPort?.on('message', (message: ToThread) => {
  if ('get' in message) void serve(message.id, message.get);
  else if ('place' in message) running.get(message.id)?.place(message.place);
  else running.get(message.id)?.cancel();
});

async function serve(id: number, request: Extract<ToThread, { get: unknown }>['get']): Promise<void> {
  const cancelled = new AbortController();
  let decide: (place: FilePlace | undefined) => void = () => {};
  const decided = new Promise<FilePlace | undefined>((resolve) => (decide = resolve));
  running.set(id, {
    place: decide,
    cancel() {
      cancelled.abort(new Error('cancelled'));
      decide(undefined);
    },
  });
  try {
    const response = await transport.get({ ...request, signal: cancelled.signal });
    const { status, headers, body } = response;
    const head = { status, headers };
    if (status === 200 || status === 206) {
      tell({ id, head });
      const place = await decided;
      if (place !== undefined) await put(id, body, place);
    } else tell({ id, head, text: await readErrorBody(body).catch(() => '') });
    await response.discard();
    tell({ id, over: 'done' });
  } catch (error) {
    tell({ id, over: failureOf(error) });
  } finally {
    running.delete(id);
  }
}

/** Ends at what is too much: it is told of, and written nowhere. */
async function put(id: number, body: AsyncIterable<Uint8Array>, place: FilePlace): Promise<void> {
  let [at, length, sum, toldMs] = [0, 0, 0, performance.now()];
  const tellPlaced = (): void => {
    if (length > 0) tell({ id, placed: { length, crc32c: sum } });
    [length, sum, toldMs] = [0, 0, performance.now()];
  };
  try {
    for await (const chunk of body) {
      sum = crc32c(chunk, sum);
      length += chunk.length;
      if (at + chunk.length > place.length) return;
      write(place.fd, chunk, place.position + at);
      at += chunk.length;
      if (length >= NEWS_BYTES || performance.now() - toldMs >= NEWS_MS) tellPlaced();
    }
  } finally {
    tellPlaced();
  }
}

function write(fd: number, chunk: Uint8Array, position: number): void {
  for (let done = 0; done < chunk.length;) {
    done += writeSync(fd, chunk, done, chunk.length - done, position + done);
  }
}

function failureOf(error: unknown): ThreadFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof TransportError) return { message, failure: error.failure };
  const code = errnoCode(error);
  return code === undefined
    ? { message }
    : { message, code, syscall: (error as NodeJS.ErrnoException).syscall };
}
