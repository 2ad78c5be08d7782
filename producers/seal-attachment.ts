import {
  attachmentSchema,
  checkAgainst,
  type Access,
  type Attachment,
  type AttachmentInput,
  type WaybillEvent,
} from '../shared/events/index.ts';
import { UrlServiceError } from '../shared/errors.ts';
import type { GetPresigner } from '../shared/presign.ts';
import type { ResolvedPublisherOptions } from './publisher-options.ts';

/**
 * Adds the claim check to an uploaded attachment, if there is a signer.
 * @param bare an attachment as the upload left it
 */
export async function addClaimCheck(
  bare: AttachmentInput,
  { id: eventId, type }: Pick<WaybillEvent, 'id' | 'type'>,
  { signer }: Pick<ResolvedPublisherOptions, 'signer'>,
): Promise<Attachment> {
  const attachment = checkAgainst(attachmentSchema, bare);
  if (signer === undefined) return attachment;
  const { id: attachmentId, store, key, versionId, size, digest, retainUntil } = attachment;
  const claims = { eventId, attachmentId, type, store, key, versionId, size, digest, retainUntil };
  return { ...attachment, claimCheck: await signer.sign(claims) };
}

/**
 * Adds a presigned URL to an attachment, if publishers are to.
 *
 * Where the signer's session is about to end, the URL is left out as long as there is a claim check: the consumer
 * asks for a URL then, as it does after any expiry.
 *
 * @throws {UrlServiceError} if no URL can be signed, and there is no claim check
 */
export async function addAccess(
  attachment: Attachment,
  presigner: GetPresigner,
  { urlTtlSeconds, logger }: Pick<ResolvedPublisherOptions, 'urlTtlSeconds' | 'logger'>,
): Promise<Attachment> {
  if (urlTtlSeconds === 0) return attachment;
  const { key, versionId } = attachment;
  try {
    const access: Access = await presigner.presign({ key, versionId, ttlSeconds: urlTtlSeconds });
    return { ...attachment, access };
  } catch (error) {
    if (!(error instanceof UrlServiceError) || attachment.claimCheck === undefined) throw error;
    logger.warn({ key, reason: error.message }, 'published without a presigned URL');
    return attachment;
  }
}
