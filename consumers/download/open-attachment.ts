import type { Attachment } from '../../shared/events/index.ts';
import { toStores } from '../../shared/stores.ts';
import { identityOf } from './identity.ts';
import { open, type OpenTransfer } from './open-transfer.ts';
import type { DownloadOptions, ResolvedTransferOptions } from './options.ts';
import type { Transfer } from './transfer.ts';
import { createUrlKeeper } from './url-keeper.ts';

/**
 * Gets ready to download an attachment; no request is made yet.
 * @param begun what an earlier request has learned already
 * @throws {TypeError|RangeError} for bad options
 * @throws {UnknownStoreError} if the store is not configured
 * @throws {ForeignUrlError} if the event's URL leads elsewhere
 */
export function openTransfer(
  attachment: Attachment,
  options: Pick<DownloadOptions, 'stores' | 'urlSource'>,
  resolved: ResolvedTransferOptions,
  parent: AbortSignal | undefined,
  begun: Partial<Pick<Transfer, 'identity' | 'meter' | 'startedMs'>> = {},
): OpenTransfer {
  const store = toStores(options.stores).get(attachment.store);
  return open(resolved, parent, {
    identity: identityOf(attachment),
    ...begun,
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
