import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FileHandle } from 'node:fs/promises';
import type { ByteSpan } from './range.ts';
import type { BlobStore } from './store/blobs.ts';
import type { StoredPart } from './store/records.ts';

/** Bytes read from disk at once; two such buffers serve a response, one read into while the other is sent. */
const READ_BYTES = 512 * 1024;

/**
 * Spans up to this size are read by the thread that serves and sent in one write, in bytes: from the page cache
 * that takes less time than to hand three calls to another thread.
 */
const INLINE_BYTES = 128 * 1024;

/** A piece of one blob. */
interface Piece {
  readonly blob: string;
  readonly start: number;
  readonly length: number;
}

/** The pieces of blobs that make up a span of an object. */
export function piecesOf(parts: readonly StoredPart[], span: ByteSpan): Piece[] {
  const pieces: Piece[] = [];
  let offset = 0;
  for (const { blob, sizeBytes } of parts) {
    const start = Math.max(span.start - offset, 0);
    const end = Math.min(span.end - offset + 1, sizeBytes);
    if (end > start) pieces.push({ blob, start, length: end - start });
    offset += sizeBytes;
  }
  return pieces;
}

/**
 * Sends a span of an object as the body of a response whose head is written, and ends it.
 *
 * Holds two buffers however large the span is; the blobs stay readable even if the object is deleted
 * meanwhile. Returns early, without an error, when the client leaves.
 */
export async function sendSpan(
  res: ServerResponse,
  blobs: BlobStore,
  parts: readonly StoredPart[],
  span: ByteSpan,
): Promise<void> {
  const pieces = piecesOf(parts, span);
  const unpin = blobs.pin(pieces.map(({ blob }) => blob));
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  res.once('close', onClose);
  try {
    if (res.destroyed) return;
    const sizeBytes = span.end - span.start + 1;
    if (sizeBytes <= INLINE_BYTES) {
      const chunks = pieces.map(({ blob, start, length }) => blobs.readNow(blob, start, length));
      res.end(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
      return;
    }
    await sendChunks(res, readPieces(blobs, pieces, Math.min(READ_BYTES, sizeBytes)), gone.signal);
    if (!gone.signal.aborted) res.end();
  } finally {
    res.off('close', onClose);
    unpin();
  }
}

/** Reads all bytes of an object in order, in buffers that are valid until the next but one is asked for. */
export async function* readObject(
  blobs: BlobStore,
  parts: readonly StoredPart[],
  span: ByteSpan,
): AsyncGenerator<Buffer> {
  const pieces = piecesOf(parts, span);
  const unpin = blobs.pin(pieces.map(({ blob }) => blob));
  try {
    yield* readPieces(blobs, pieces, READ_BYTES);
  } finally {
    unpin();
  }
}

async function sendChunks(
  res: ServerResponse,
  chunks: AsyncGenerator<Buffer>,
  gone: AbortSignal,
): Promise<void> {
  let sent: Promise<void> = Promise.resolve();
  for await (const chunk of chunks) {
    await sent; // the buffer before this one is about to be read into again
    if (gone.aborted) return;
    sent = writeChunk(res, chunk, gone);
  }
  await sent;
}

/** Resolves when the chunk has left, or the client has. */
async function writeChunk(res: ServerResponse, chunk: Buffer, gone: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      gone.removeEventListener('abort', finish);
      resolve();
    };
    gone.addEventListener('abort', finish, { once: true });
    res.write(chunk, finish);
  });
}

async function* readPieces(
  blobs: BlobStore,
  pieces: readonly Piece[],
  bufferBytes: number,
): AsyncGenerator<Buffer> {
  const buffers = [Buffer.allocUnsafeSlow(bufferBytes), Buffer.allocUnsafeSlow(bufferBytes)] as const;
  let turn = 0;
  for (const piece of pieces) {
    const handle = await blobs.open(piece.blob);
    try {
      for (let done = 0; done < piece.length;) {
        const buffer = buffers[turn % 2 === 0 ? 0 : 1];
        turn += 1;
        const length = await readInto(handle, buffer, piece.start + done, piece.length - done);
        done += length;
        yield buffer.subarray(0, length);
      }
    } finally {
      await handle.close();
    }
  }
}

async function readInto(
  handle: FileHandle,
  buffer: Buffer,
  position: number,
  wanted: number,
): Promise<number> {
  const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, wanted), position);
  if (bytesRead === 0) throw new Error('a blob is shorter than its record says');
  return bytesRead;
}

/** Waits until a response has been handed over or its client has gone. */
export async function responseDone(res: ServerResponse): Promise<void> {
  if (res.writableFinished || res.destroyed) return;
  const gone = new AbortController();
  try {
    await Promise.race([
      once(res, 'finish', { signal: gone.signal }),
      once(res, 'close', { signal: gone.signal }),
    ]);
  } finally {
    gone.abort();
  }
}
