import { assertClaimsMatch, peekClaims } from '../../shared/claim-check.ts';
import { SizeLimitError } from '../../shared/errors.ts';
import type { Attachment, WaybillEvent } from '../../shared/events/index.ts';
import { checkAccessUrl } from '../../shared/stores.ts';
import type { ResolvedWorkerOptions } from './options.ts';

/** What admission needs to know of the worker. */
export type AdmissionRules = Pick<
  ResolvedWorkerOptions,
  'stores' | 'claimCheckVerifier' | 'maxAttachmentBytes'
>;

/**
 * Checks an attachment before a byte of it is fetched: the store is known, the URL leads to exactly this payload,
 * the claim check speaks of this attachment of this event (and, with a verifier, is signed by a producer that may name
 * the key), and the size is within the limit.
 *
 * @throws {UnknownStoreError|ForeignUrlError|ClaimCheckError|SizeLimitError}
 */
export async function admitAttachment(
  attachment: Attachment,
  event: Pick<WaybillEvent, 'id' | 'type'>,
  rules: AdmissionRules,
): Promise<void> {
  const store = rules.stores.get(attachment.store);
  if (attachment.size > rules.maxAttachmentBytes) {
    throw new SizeLimitError(
      `attachment ${attachment.id} has ${attachment.size} bytes, the limit is ${rules.maxAttachmentBytes} bytes`,
      { details: { attachmentId: attachment.id, size: attachment.size, limit: rules.maxAttachmentBytes } },
    );
  }
  if (attachment.access !== undefined) checkAccessUrl(attachment.access.url.reveal(), store, attachment);
  if (attachment.claimCheck === undefined) return;
  const expected = { eventId: event.id, type: event.type, attachment };
  assertClaimsMatch(peekClaims(attachment.claimCheck), expected);
  if (rules.claimCheckVerifier === undefined) return;
  assertClaimsMatch(await rules.claimCheckVerifier.verify(attachment.claimCheck), expected);
}
