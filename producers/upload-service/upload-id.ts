import { createHash } from 'node:crypto';
import { mintedAtMs } from '../event-id.ts';

/**
 * An upload's id is `<owner tag>.<event id>`: 16 bytes of the SHA-256 of its owner in hex, and the UUIDv7 of the event
 * that will name the file. So an owner's uploads stand under one prefix in the order of their making, and whoever has
 * an id finds the record without an index.
 */
const UPLOAD_ID = /^([0-9a-f]{32})\.([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$/;

/** Prefix of payloads that come from outside. */
export const UPLOADS_PREFIX = 'uploads/';

/** A tag of an owner that can stand in a key, whatever an owner is called. */
export function ownerTag(owner: string): string {
  return createHash('sha256').update(`waybill upload owner\n${owner}`).digest('hex').slice(0, 32);
}

export function uploadIdOf(owner: string, eventId: string): string {
  return `${ownerTag(owner)}.${eventId}`;
}

/** The two halves of an id. @returns undefined for what is none */
export function parseUploadId(
  uploadId: string,
): { readonly tag: string; readonly eventId: string } | undefined {
  const match = UPLOAD_ID.exec(uploadId);
  const [, tag, eventId] = match ?? [];
  return tag === undefined || eventId === undefined ? undefined : { tag, eventId };
}

/** When an upload was opened, in milliseconds since the epoch. */
export function openedAtMs(uploadId: string): number {
  return mintedAtMs(parseUploadId(uploadId)?.eventId ?? '');
}

/** Key of an upload's payload. The name that the file has is in the record: keys hold nothing of the uploader's. */
export function payloadKeyOf(uploadId: string): string {
  return `${UPLOADS_PREFIX}${uploadId}/content`;
}

/** The upload that a key belongs to. @returns undefined for a key of another kind */
export function uploadIdFromKey(key: string): string | undefined {
  const match = /^uploads\/([^/]+)\/content$/.exec(key);
  const uploadId = match?.[1];
  return uploadId !== undefined && parseUploadId(uploadId) !== undefined ? uploadId : undefined;
}
