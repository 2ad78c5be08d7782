import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { crc32c, crc32cToBase64 } from '../../shared/crc32c.ts';
import { formatDigest, sameDigest } from '../../shared/digest.ts';
import type { Attachment } from '../../shared/events/index.ts';
import type { DownloadResult } from '../download/index.ts';

const READ_BYTES = 1024 * 1024;

/**
 * Looks whether the file is there already, whole: an earlier delivery saved it, and its handler failed after. A file of
 * the right size is read and hashed, which is quicker than the network; any other is not opened. A link is no file.
 *
 * @returns what a download would say, with no byte fetched; undefined when there is something to fetch
 * @throws the signal's reason
 */
export async function alreadySaved(
  { size, digest, checksum }: Pick<Attachment, 'size' | 'digest' | 'checksum'>,
  path: string,
  signal: AbortSignal,
): Promise<DownloadResult | undefined> {
  const beganMs = performance.now();
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size !== size) return undefined;
  const hash = createHash('sha256');
  let crc = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES, signal })) {
      hash.update(chunk as Buffer);
      crc = crc32c(chunk as Buffer, crc);
    }
  } catch {
    signal.throwIfAborted();
    return undefined; // unreadable: the download replaces it, or says why not
  }
  const found256 = formatDigest(hash.digest());
  if (!sameDigest(found256, digest)) return undefined;
  const crcText = crc32cToBase64(crc);
  return {
    sizeBytes: size,
    digest: found256,
    crc32c: crcText,
    verified: { sha256: true, crc32c: checksum?.algorithm === 'CRC32C' && checksum.value === crcText },
    etag: undefined,
    fetchedBytes: 0,
    repeatedBytes: 0,
    refetches: 0,
    retries: 0,
    restarts: 0,
    resumedAtBytes: [],
    journalBytes: size,
    durationMs: performance.now() - beganMs,
  };
}
