import { linkSignals } from '../../shared/cancellation.ts';
import { SizeLimitError } from '../../shared/errors.ts';
import {
  parseManifest,
  type Attachment,
  type Manifest,
  type WaybillEvent,
} from '../../shared/events/index.ts';
import { MAX_MANIFEST_BYTES } from '../../shared/limits.ts';
import { downloadBytes } from '../download/index.ts';
import { admitAttachment, type AdmissionRules } from './admit.ts';
import type { DownloadContext } from './received-attachment.ts';

/** The attachments of an event, each admitted, and the manifest they came from, if they did. */
export interface ResolvedAttachments {
  readonly attachments: readonly Attachment[];
  readonly manifest: Manifest | undefined;
}

/**
 * Admits what the event itself names: its attachments, and the object that its manifest stands in.
 *
 * @throws {UnknownStoreError|ForeignUrlError|ClaimCheckError|SizeLimitError} when one is refused
 */
export async function admitInline(event: WaybillEvent, rules: AdmissionRules): Promise<void> {
  for (const attachment of event.data.attachments) await admitAttachment(attachment, event, rules);
  const { manifest } = event.data;
  if (manifest === undefined) return;
  if (manifest.size > MAX_MANIFEST_BYTES) {
    throw new SizeLimitError(
      `the manifest has ${manifest.size} bytes, the limit is ${MAX_MANIFEST_BYTES} bytes`,
    );
  }
  await admitAttachment(manifest, event, { ...rules, maxAttachmentBytes: MAX_MANIFEST_BYTES });
}

/**
 * The attachments of an admitted event: those it names itself, and those of its manifest object, which is fetched for
 * it and whose attachments are then admitted.
 *
 * @throws {UnknownStoreError|ForeignUrlError|ClaimCheckError|SizeLimitError} when one is refused
 * @throws {EventParseError} when the manifest is not one
 */
export async function resolveManifest(
  event: WaybillEvent,
  rules: AdmissionRules,
  context: DownloadContext,
): Promise<ResolvedAttachments> {
  const { attachments: inline, manifest: object } = event.data;
  if (object === undefined) return { attachments: inline, manifest: undefined };
  using link = linkSignals([context.signal]);
  const bytes = await downloadBytes(
    object,
    { maxBytes: MAX_MANIFEST_BYTES },
    {
      ...context.options,
      signal: link.signal,
      onEvent: (downloadEvent) => context.onEvent(object, downloadEvent),
    },
  );
  const manifest = parseManifest(bytes.toString('utf8'), MAX_MANIFEST_BYTES);
  for (const attachment of manifest.attachments) await admitAttachment(attachment, event, rules);
  return { attachments: [...inline, ...manifest.attachments], manifest };
}
