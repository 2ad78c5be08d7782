import type { Access, Attachment } from '../shared/events/index.ts';

/** A fresh URL, and what it leads to. */
export interface FreshUrl {
  readonly access: Access;
  readonly versionId: string;
  /** In bytes. */
  readonly size: number;
  /** RFC 9530 text, `sha-256=:BASE64:`. */
  readonly digest: string;
  /** The signer's clock when it answered, milliseconds since the epoch; teaches a consumer its clock's offset. */
  readonly serverTimeMs?: number;
}

/** Where fresh URLs come from: the URL service, or the consumer's own credentials. */
export interface UrlSource {
  /**
   * Gets a fresh URL for a payload.
   * @throws {PayloadGoneError} when it no longer exists or was revoked
   * @throws {ClaimCheckError} when the claim check cannot be for this payload
   * @throws {UrlServiceError} when no answer can be had, or the caller is refused
   */
  refetch(attachment: Attachment, options: { readonly signal?: AbortSignal | undefined }): Promise<FreshUrl>;
}
