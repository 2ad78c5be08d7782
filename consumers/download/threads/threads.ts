import type { Worker } from 'node:worker_threads';
import { availableParallelism } from 'node:os';
import { numberInRange } from '../../../shared/options.ts';
import type { Transport, TransportRequest, TransportResponse } from '../transport.ts';
import type { FromThread, ThreadData } from './messages.ts';
import { startReceiver } from './program.ts';
import { RemoteExchange } from './remote-exchange.ts';

/** A thread without requests ends after this time, in milliseconds: longer than its connections are kept. */
const IDLE_MS = 5_000;

/** Most threads that are started without being told to: each takes some 10 MB, and a download shall stay below 110. */
const MAX_DEFAULT = 2;

/** Which files are received by threads, and by how many. */
export interface ThreadsOptions {
  /**
   * Threads that receive large files, each over a share of the connections. From 0, none, to 16.
   * @default 2, none if there is only one processor
   */
  readonly threads?: number;
  /**
   * Files from this size on are received by threads, in bytes; below, starting them takes longer than they save.
   * @default 268_435_456
   */
  readonly threadsFromBytes?: number;
}

/**
 * A transport that has large files received by threads: each connects, reads, sums and writes by itself. Where there can
 * be none, in a bundle for instance, the transport does all by itself.
 *
 * Memory: 10 MB for each thread, and its blocks.
 *
 * @throws {RangeError} for a number out of range
 */
export function withThreads(transport: Transport, data: ThreadData, options: ThreadsOptions): Transport {
  const processors = Math.min(availableParallelism(), MAX_DEFAULT);
  const count = numberInRange('threads', options.threads ?? (processors > 1 ? processors : 0), {
    min: 0,
    max: 16,
  });
  const fromBytes = numberInRange('threadsFromBytes', options.threadsFromBytes ?? 256 * 1024 ** 2, {
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: 'bytes',
  });
  if (count === 0) return transport;
  const threads = createThreads(count, () => startReceiver(data));
  return {
    async get(request) {
      const { fileBytes } = request;
      const large = fileBytes !== undefined && fileBytes >= fromBytes;
      const there = large ? await threads.get(request) : undefined;
      return there ?? (await transport.get(request));
    },
    async close() {
      await Promise.all([threads.close(), transport.close()]);
    },
  };
}

/** Threads that make requests and write their bodies into files. */
export interface Threads {
  /** The answer; undefined when threads are not to be had, and nothing has been asked for. */
  get(request: TransportRequest): Promise<TransportResponse | undefined>;
  /** Ends all of them; requests under way fail. */
  close(): Promise<void>;
}

interface Thread {
  readonly worker: Worker;
  readonly exchanges: Map<number, RemoteExchange>;
  idle: NodeJS.Timeout | undefined;
  /** What is said of requests that it leaves behind. */
  end: string;
}

/**
 * Up to `count` threads, started when they are needed, ended when they are not; they keep no process alive. A request
 * goes to the one that has fewest. Once one has failed, there are no more.
 * @param startOne undefined where there can be none; what it throws means the same
 */
export function createThreads(count: number, startOne: () => Worker | undefined): Threads {
  const threads = new Set<Thread>();
  let [lastId, usable, closed] = [0, count > 0, false];

  const start = (): Thread | undefined => {
    const worker = tryTo(startOne);
    usable = worker !== undefined;
    if (worker === undefined) return undefined;
    const thread: Thread = { worker, exchanges: new Map(), idle: undefined, end: 'the thread has ended' };
    worker.on('message', (message: FromThread) => {
      const exchange = thread.exchanges.get(message.id);
      if ('over' in message) settle(thread, message.id);
      exchange?.heard(message);
    });
    worker.on('error', (error) => {
      usable = false;
      thread.end = String(error);
    });
    // Not before: until then it may write.
    worker.on('exit', () => {
      if (threads.delete(thread)) usable = false;
      clearTimeout(thread.idle);
      for (const exchange of thread.exchanges.values()) exchange.lost(thread.end);
    });
    threads.add(thread);
    return thread;
  };

  const end = async (thread: Thread): Promise<void> => {
    threads.delete(thread);
    thread.end = 'the transport was closed';
    await thread.worker.terminate();
  };

  const settle = (thread: Thread, id: number): void => {
    thread.exchanges.delete(id);
    if (thread.exchanges.size > 0) return;
    thread.worker.unref();
    thread.idle = setTimeout(() => void end(thread), IDLE_MS).unref();
  };

  const choose = (): Thread | undefined => {
    let least: Thread | undefined;
    for (const thread of threads)
      if (least === undefined || thread.exchanges.size < least.exchanges.size) least = thread;
    const another = threads.size < count && (least === undefined || least.exchanges.size > 0);
    return another ? (start() ?? least) : least;
  };

  return {
    async get(request) {
      request.signal?.throwIfAborted();
      const thread = usable ? choose() : undefined;
      if (thread === undefined) return undefined;
      const { worker, exchanges } = thread;
      lastId += 1;
      const id = lastId;
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
      const exchange = new RemoteExchange(request, (told) => worker.postMessage({ id, ...told }));
      exchanges.set(id, exchange);
      clearTimeout(thread.idle);
      worker.ref();
      try {
        return await exchange.response;
      } catch (error) {
        if (exchange.isLost && !closed) return undefined;
        throw error;
      }
    },
    async close() {
      [usable, closed] = [false, true];
      await Promise.all([...threads].map(end));
    },
  };
}

/** The permission model allows no thread, or there is no memory for one. */
function tryTo(startOne: () => Worker | undefined): Worker | undefined {
  try {
    return startOne();
  } catch {
    return undefined;
  }
}
