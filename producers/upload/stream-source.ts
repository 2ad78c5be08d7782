import { abortable } from '../../shared/cancellation.ts';
import { UploadError } from '../../shared/errors.ts';
import { show } from '../../shared/options.ts';
import type { SourceReader, UploadSource } from './source.ts';

/**
 * A stream: any async iterable of byte chunks of any length, Node's Readable among them. It is read once, and
 * let go of (destroyed) at the end, also after a failure.
 * @param sizeBytes length that the caller promises; undefined if nobody knows
 */
export function streamSource(stream: AsyncIterable<Uint8Array>, sizeBytes?: number): UploadSource {
  let opened = false;
  keepError(stream);
  return {
    label: 'stream',
    sizeBytes,
    rereadable: false,
    async open() {
      if (opened) throw new UploadError('the stream was read before; it cannot be read again');
      opened = true;
      return streamReader(stream, sizeBytes);
    },
  };
}

function streamReader(stream: AsyncIterable<Uint8Array>, sizeBytes: number | undefined): SourceReader {
  const iterator = stream[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  let ended = false;

  /** The next chunk that is not empty; undefined at the end. */
  const nextChunk = async (signal: AbortSignal): Promise<Uint8Array | undefined> => {
    for (;;) {
      const result = await abortable(Promise.resolve(iterator.next()), signal);
      if (result.done === true) return undefined;
      const chunk: unknown = result.value;
      if (!(chunk instanceof Uint8Array))
        throw new UploadError(`the stream gave ${show(chunk)}, expected chunks of bytes (Uint8Array)`);
      if (chunk.byteLength > 0) return chunk;
    }
  };

  return {
    sizeBytes,
    async read(into, signal) {
      signal.throwIfAborted();
      if (rest.byteLength === 0 && !ended) {
        const next = await nextChunk(signal);
        if (next === undefined) ended = true;
        else rest = next;
      }
      const chunk = rest.subarray(0, into.length);
      into.set(chunk);
      rest = rest.subarray(chunk.byteLength);
      return chunk.byteLength;
    },
    async verify() {},
    async [Symbol.asyncDispose]() {
      if (ended) return;
      ended = true;
      destroyStream(stream);
      // Not awaited: an async generator that hangs in its own await would never answer.
      void Promise.resolve(iterator.return?.()).catch(() => {});
    },
  };
}

/**
 * Lets a Node stream fail before it is read without ending the process: an 'error' that nobody listens to is thrown.
 * Its reader gets the error all the same.
 */
function keepError(stream: AsyncIterable<Uint8Array>): void {
  const { on } = stream as { on?: unknown };
  if (typeof on === 'function') on.call(stream, 'error', () => {});
}

/** Destroys a Node stream whose bytes nobody will read; other iterables have nothing to destroy. */
export function destroyStream(stream: AsyncIterable<Uint8Array>): void {
  const { destroy } = stream as { destroy?: unknown };
  if (typeof destroy === 'function') destroy.call(stream);
}
