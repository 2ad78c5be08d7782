import type { Attachment } from '../../shared/events/index.ts';
import { downloadTo } from './download-to.ts';
import { attachmentOpener } from './attachment-opener.ts';
import { resolveTransferOptions, type DownloadOptions, type DownloadTarget } from './options.ts';
import type { DownloadResult } from './result.ts';

/**
 * Downloads an attachment and verifies every byte.
 *
 * Into a file: parallel ranges, resumable by a later process; the file appears only when verified. Into a
 * writable: in order; the writable is ended when all is verified, and destroyed otherwise.
 *
 * Memory does not depend on the size. Into a file: three blocks of 512 KiB per connection, out of one pool for the
 * process that stops at 16 MiB or one block per connection (fast/block-pool.ts), or, from 256 MiB on, out of one for each
 * thread that receives (threads/threads.ts), of which there are two, with about 10 MB for themselves; 16 MiB while a
 * slow last part is asked for twice; about 10 MB for the thread that hashes files from 64 MiB on; and about 100 bytes per
 * part that an earlier process left. Into a writable: as a stream (download-stream.ts).
 *
 * @throws {TypeError|RangeError} for bad options
 * @throws {UnknownStoreError|ForeignUrlError} when the event leads where this process is not configured to go
 * @throws {UrlExpiredError} when the URL has expired and no fresh one can be had, or fresh ones bring no byte
 * @throws {AccessRefusedError} when the store refuses, also with a fresh URL
 * @throws {PayloadGoneError|ObjectChangedError} when the object is gone, or another
 * @throws {RangeMismatchError|ChecksumMismatchError} when the bytes are wrong, also after beginning again
 * @throws {TransferError|TransferStalledError} when the retry budget is used up, or the partial file is in use
 * @throws {DeadlineExceededError|StorageError}
 * @throws whatever the URL source throws; the signal's reason as it is
 *
 * @example
 * const result = await download(event.data.attachments[0], { path: 'inbox/a.bin' }, { stores, urlSource });
 */
export async function download(
  attachment: Attachment,
  target: DownloadTarget,
  options: DownloadOptions,
): Promise<DownloadResult> {
  const resolved = resolveTransferOptions(options);
  return await downloadTo(
    target,
    async (signal) => (await attachmentOpener())(attachment, options, resolved, signal),
    options.signal,
  );
}
