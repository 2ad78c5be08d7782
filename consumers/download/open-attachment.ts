import { parseDigest } from '../../shared/digest.ts';
import type { Attachment } from '../../shared/events/index.ts';
import { MAX_OBJECT_BYTES } from '../../shared/limits.ts';
import { numberInRange } from '../../shared/options.ts';
import { toStores } from '../../shared/stores.ts';
import { open, type OpenTransfer } from './open-transfer.ts';
import type { DownloadOptions, ResolvedTransferOptions } from './options.ts';
import { createUrlKeeper } from './url-keeper.ts';

/**
 * Gets ready to download an attachment; no request is made yet.
 * @throws {TypeError|RangeError} for bad options
 * @throws {UnknownStoreError} if the store is not configured
 * @throws {ForeignUrlError} if the event's URL leads elsewhere
 */
export function openTransfer(
  attachment: Attachment,
  options: Pick<DownloadOptions, 'stores' | 'urlSource'>,
  resolved: ResolvedTransferOptions,
  parent: AbortSignal | undefined,
): OpenTransfer {
  const store = toStores(options.stores).get(attachment.store);
  const { store: storeName, key, versionId, etag, size, digest, checksum } = attachment;
  const fullCrc = checksum?.algorithm === 'CRC32C' && checksum.type === 'FULL_OBJECT';
  parseDigest(digest);
  return open(resolved, parent, {
    identity: {
      label: `${storeName}/${key}`,
      store: storeName,
      key,
      sizeBytes: numberInRange('attachment.size', size, { min: 0, max: MAX_OBJECT_BYTES, unit: 'bytes' }),
      digest,
      crc32c: fullCrc ? checksum.value : undefined,
      versionId,
      etag,
    },
    urls: (meter, signal) =>
      createUrlKeeper({
        attachment,
        store,
        urlSource: options.urlSource,
        earlyRefetch: resolved.earlyRefetch,
        maxRefetchesWithoutProgress: resolved.maxRefetchesWithoutProgress,
        clock: resolved.clock,
        random: resolved.random,
        clockOffset: resolved.clockOffset,
        meter,
        signal,
      }),
  });
}
