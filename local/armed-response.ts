import type { ServerResponse } from 'node:http';

import type { Fault } from './fault-rule.ts';

/**
 * Largest piece handed to the socket at once, in bytes. Below Node 20's high water mark (16 KiB), so that the
 * real response never asks for a 'drain' of its own: the only one its writer sees is ours.
 */
const SLICE_BYTES = 8 * 1024;

/** Throttled bodies are sent in about this many pieces per second. */
const SLICES_PER_SECOND = 50;

type Done = (error?: Error | null) => void;

interface BodyPlan {
  readonly cutAfterBytes: number;
  readonly cutAfterMs: number | undefined;
  readonly stallAfterBytes: number;
  readonly bytesPerSecond: number;
  readonly flips: readonly number[];
}

/**
 * Makes this response misbehave as the faults say, below whoever writes it.
 *
 * The writer keeps its contract: callbacks are called, `write()` returns false and 'drain' follows when the
 * armed response is behind, so pipelines stay in constant memory. Once the connection is destroyed, writers
 * see what they see when a client leaves: 'close' without 'finish'. A response without a body (HEAD, 204,
 * 304) has no body bytes to act on; only `drop-response` touches it. Kinds that belong to the service are ignored.
 *
 * @param res a response of which nothing has been sent yet.
 */
export function armResponse(res: ServerResponse, faults: readonly Fault[]): void {
  if (faults.some(({ kind }) => kind === 'drop-response')) {
    dropResponse(res);
    return;
  }
  const plan = planBody(faults);
  if (plan !== undefined && res.req.method !== 'HEAD') gateBody(res, plan);
}

function planBody(faults: readonly Fault[]): BodyPlan | undefined {
  let [cutAfterBytes, stallAfterBytes, bytesPerSecond] = [Infinity, Infinity, Infinity];
  let cutAfterMs: number | undefined;
  const flips: number[] = [];
  for (const fault of faults) {
    if (fault.kind === 'cut') {
      const fallback = fault.afterMs === undefined ? 0 : Infinity;
      cutAfterBytes = Math.min(cutAfterBytes, fault.afterBytes ?? fallback);
      if (fault.afterMs !== undefined) cutAfterMs = Math.min(cutAfterMs ?? Infinity, fault.afterMs);
    } else if (fault.kind === 'stall') stallAfterBytes = Math.min(stallAfterBytes, fault.afterBytes);
    else if (fault.kind === 'throttle') bytesPerSecond = Math.min(bytesPerSecond, fault.bytesPerSecond);
    else if (fault.kind === 'flip-byte') flips.push(fault.at);
  }
  const plan = { cutAfterBytes, cutAfterMs, stallAfterBytes, bytesPerSecond, flips };
  const harmless =
    Math.min(cutAfterBytes, stallAfterBytes, bytesPerSecond) === Infinity &&
    cutAfterMs === undefined &&
    flips.length === 0;
  return harmless ? undefined : plan;
}

/** Swallows all that is written; when the writer is done, destroys the connection. */
function dropResponse(res: ServerResponse): void {
  let ended = false;
  const writer = {
    write: (_chunk: Buffer, done: Done): boolean => {
      process.nextTick(done);
      return true;
    },
    end: (done: Done): void => {
      ended = true;
      res.once('close', () => done());
      res.socket?.destroy();
    },
    ended: () => ended,
  };
  res.flushHeaders = () => {};
  replaceWriter(res, writer);
}

/** Sends the body through the plan: in small pieces, each flushed before the next. */
function gateBody(res: ServerResponse, plan: BodyPlan): void {
  const realWrite = res.write.bind(res) as (chunk: Buffer, done: Done) => boolean;
  const realEnd = res.end.bind(res) as (done: Done) => ServerResponse;
  const queue: { readonly chunk: Buffer; readonly done: Done }[] = [];
  const endCallbacks: Done[] = [];
  const gone = new AbortController();
  let [sent, startedAtMs] = [0, 0];
  let [ended, pumping, owesDrain] = [false, false, false];
  let cutTimer: NodeJS.Timeout | undefined;

  res.once('close', () => {
    gone.abort();
    clearTimeout(cutTimer);
    const error = new Error('the connection was closed before the response was complete');
    for (const { done } of queue.splice(0)) done(error);
    for (const done of endCallbacks.splice(0)) done();
  });

  const start = (): void => {
    if (startedAtMs !== 0) return;
    startedAtMs = performance.now();
    if (plan.cutAfterMs !== undefined) cutTimer = setTimeout(() => res.socket?.destroy(), plan.cutAfterMs);
  };

  /** Waits until the piece may go; then sends it and waits until it has left. */
  const sendPiece = async (piece: Buffer): Promise<void> => {
    start();
    const dueMs = startedAtMs + (sent / plan.bytesPerSecond) * 1_000;
    await pause(dueMs - performance.now(), gone.signal);
    if (gone.signal.aborted) return;
    await new Promise<void>((resolve) => realWrite(flip(piece, sent, plan.flips), () => resolve()));
    sent += piece.length;
  };

  const send = async (chunk: Buffer): Promise<void> => {
    const stopAt = Math.min(plan.cutAfterBytes, plan.stallAfterBytes);
    const sliceBytes = Math.min(SLICE_BYTES, Math.max(1, Math.ceil(plan.bytesPerSecond / SLICES_PER_SECOND)));
    const usable = chunk.subarray(0, Math.min(chunk.length, stopAt - sent));
    for (let at = 0; at < usable.length; at += sliceBytes) {
      await sendPiece(usable.subarray(at, at + sliceBytes));
      if (gone.signal.aborted) return;
    }
    if (sent < stopAt) return;
    await flushHead(res);
    if (plan.cutAfterBytes <= plan.stallAfterBytes) res.socket?.destroy();
    if (!gone.signal.aborted) await once(gone.signal); // both ways the rest never leaves
  };

  const pump = async (): Promise<void> => {
    if (pumping) return;
    pumping = true;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      await send(next.chunk);
      if (gone.signal.aborted) return;
      queue.shift();
      next.done();
    }
    pumping = false;
    if (ended) realEnd(() => endCallbacks.splice(0).forEach((done) => done()));
    else if (owesDrain) {
      owesDrain = false;
      res.emit('drain');
    }
  };

  replaceWriter(res, {
    write: (chunk, done) => {
      queue.push({ chunk, done });
      owesDrain = true;
      void pump();
      return false;
    },
    end: (done) => {
      ended = true;
      endCallbacks.push(done);
      void pump();
    },
    ended: () => ended,
  });
}

interface Writer {
  write(chunk: Buffer, done: Done): boolean;
  end(done: Done): void;
  ended(): boolean;
}

/** Puts `writer` in the place of the response's own write and end, with all their overloads. */
function replaceWriter(res: ServerResponse, writer: Writer): void {
  const toBuffer = (chunk: string | Uint8Array, encoding: unknown): Buffer =>
    typeof chunk === 'string'
      ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  let wrote = false;

  const write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    const done = rest.find((argument) => typeof argument === 'function') as Done | undefined;
    if (writer.ended()) {
      process.nextTick(() => done?.(new Error('write after end')));
      return false;
    }
    wrote = true;
    return writer.write(toBuffer(chunk, rest[0]), done ?? (() => {}));
  };
  const end = (...given: unknown[]): ServerResponse => {
    const done = given.find((argument) => typeof argument === 'function') as Done | undefined;
    if (writer.ended()) {
      process.nextTick(() => done?.(new Error('write after end')));
      return res;
    }
    const [chunk, encoding] = given;
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) {
      const body = toBuffer(chunk, encoding);
      // What end() does itself when it is given the whole body; without it the answer would become chunked
      if (!wrote && !res.headersSent && !res.hasHeader('transfer-encoding'))
        res.setHeader('content-length', body.length);
      if (body.length > 0) write(body);
    } else if (!wrote && !res.headersSent && !res.hasHeader('transfer-encoding')) {
      if (!res.hasHeader('content-length')) res.setHeader('content-length', 0);
    }
    writer.end(done ?? (() => {}));
    return res;
  };
  res.write = write as typeof res.write;
  res.end = end as typeof res.end;
  Object.defineProperty(res, 'writableEnded', { configurable: true, get: () => writer.ended() });
}

function flip(piece: Buffer, offset: number, flips: readonly number[]): Buffer {
  const hit = flips.map((at) => at - offset).filter((at) => at >= 0 && at < piece.length);
  if (hit.length === 0) return piece;
  const copy = Buffer.from(piece);
  for (const at of hit) copy.writeUInt8((copy[at] ?? 0) ^ 0xff, at);
  return copy;
}

/** Sends status line and headers if they are still held back, and waits until all before has left. */
async function flushHead(res: ServerResponse): Promise<void> {
  if (!res.headersSent || res.socket?.bytesWritten === 0) res.flushHeaders();
  const { socket } = res;
  if (socket === null || socket.destroyed) return;
  await new Promise<void>((resolve) => socket.write('', () => resolve()));
}

async function once(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Waits, or until `signal` aborts; never throws. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
  });
}
