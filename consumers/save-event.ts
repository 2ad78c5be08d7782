import type { ClaimCheckVerifier } from '../shared/claim-check.ts';
import type { Attachment, WaybillEvent } from '../shared/events/index.ts';
import { MAX_OBJECT_BYTES } from '../shared/limits.ts';
import { numberInRange } from '../shared/options.ts';
import { toStores } from '../shared/stores.ts';
import type { DownloadEvent, DownloadOptions } from './download/index.ts';
import { admitInline, resolveManifest } from './worker/manifest.ts';
import { receivedAttachment, type DownloadContext } from './worker/received-attachment.ts';
import { saveAll } from './worker/save-all.ts';
import type { SavedFile } from './worker/types.ts';

/** How to save an event without a worker. */
export interface SaveEventOptions extends Omit<DownloadOptions, 'onEvent'> {
  /** With the producers' public keys: claim checks are verified first. @default - their claims are compared only */
  readonly claimCheckVerifier?: Pick<ClaimCheckVerifier, 'verify'>;
  /** Largest attachment that is accepted, in bytes. @default - S3's own limit, 48.8 TiB */
  readonly maxAttachmentBytes?: number;
  /** Hears what happens to each attachment, the manifest included. */
  readonly onDownload?: (attachment: Attachment, event: DownloadEvent) => void;
}

/**
 * Saves one event as a worker's `saveAll` does: checks everything that the event says, fetches its manifest if it has
 * one, and writes `DIR/<event id>/files/<name>` and `DIR/<event id>/event.json`. Called again, it resumes.
 *
 * @throws {UnknownStoreError|ForeignUrlError|ClaimCheckError|SizeLimitError} before anything of it is fetched
 * @throws {StorageError} and whatever a download throws
 * @throws {RangeError|TypeError} for bad options
 */
export async function saveEvent(
  event: WaybillEvent,
  directory: string,
  options: SaveEventOptions,
): Promise<SavedFile[]> {
  const { claimCheckVerifier, maxAttachmentBytes = MAX_OBJECT_BYTES, onDownload, signal, ...rest } = options;
  const bounds = { min: 0, max: MAX_OBJECT_BYTES, unit: 'bytes' };
  const rules = {
    stores: toStores(options.stores),
    claimCheckVerifier,
    maxAttachmentBytes: numberInRange('maxAttachmentBytes', maxAttachmentBytes, bounds),
  };
  const context: DownloadContext = {
    options: rest,
    signal,
    onEvent: (attachment, downloadEvent) => onDownload?.(attachment, downloadEvent),
  };
  await admitInline(event, rules);
  const { attachments, manifest } = await resolveManifest(event, rules, context);
  const received = attachments.map((attachment) => receivedAttachment(attachment, context));
  return await saveAll(directory, { event, manifest, attachments: received });
}
