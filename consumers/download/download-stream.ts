import type { Readable } from 'node:stream';
import type { Attachment } from '../../shared/events/index.ts';
import { inOrderStream } from './in-order-stream.ts';
import { attachmentOpener } from './attachment-opener.ts';
import { resolveTransferOptions, type DownloadOptions } from './options.ts';

/**
 * Downloads an attachment as a stream, in order; nothing is asked for before it is read. Large ones come by parallel
 * ranges, a window ahead of the reader.
 *
 * **It is verified at its end**: every byte has been handed out by then. If digest or checksum differ, the stream
 * fails with ChecksumMismatchError instead of ending, so act on what you have read only after `end`. There is no
 * beginning again, nor resuming by a later process; for both, download into a file. Chunks are the reader's own. Memory:
 * 256 KiB and up to five pieces of 112 KiB; for large ones `(connections + 3) · 2 MiB` in place of the pieces; and what V8
 * has not yet collected of what was read, up to 32 MB.
 *
 * @throws {TypeError|RangeError} at once, for bad options; all else that `download` throws, the stream fails with
 * @example
 * await pipeline(downloadStream(attachment, { stores, urlSource }), createGunzip(), sink);
 */
export function downloadStream(attachment: Attachment, options: DownloadOptions): Readable {
  const resolved = resolveTransferOptions(options);
  return inOrderStream(
    async (signal) => (await attachmentOpener())(attachment, options, resolved, signal),
    options.signal,
  );
}
