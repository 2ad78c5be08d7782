import type { Publisher, PublishResult } from '../publisher.ts';
import type { AcceptedRecord } from './intake.ts';

/**
 * Publishes the event of an accepted upload, under the id that was minted when it was opened: the file is its only
 * attachment, pinned to the version that was accepted.
 * @param publisher of the store that took the upload; the issuer of its claim checks must own the prefix `uploads/`
 */
export async function publishUpload(publisher: Publisher, record: AcceptedRecord): Promise<PublishResult> {
  const { eventId: id, type, data, name, mediaType, key, size, accepted } = record;
  const { versionId, etag, digest, crc32c } = accepted;
  return await publisher.publish({
    id,
    type,
    subject: name,
    ...(data === undefined ? {} : { data }),
    attachments: [{ name, mediaType, stored: { key, versionId, etag, size, digest, crc32c } }],
  });
}
