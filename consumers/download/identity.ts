import { parseDigest } from '../../shared/digest.ts';
import type { Attachment } from '../../shared/events/index.ts';
import { MAX_OBJECT_BYTES } from '../../shared/limits.ts';
import { numberInRange } from '../../shared/options.ts';
import type { ObjectIdentity } from './transfer.ts';

/**
 * Which object an attachment names.
 * @throws {TypeError|RangeError} for a digest or a size that is none
 */
export function identityOf(attachment: Attachment): ObjectIdentity {
  const { store, key, versionId, etag, size, digest, checksum } = attachment;
  const fullCrc = checksum?.algorithm === 'CRC32C' && checksum.type === 'FULL_OBJECT';
  parseDigest(digest);
  return {
    label: `${store}/${key}`,
    store,
    key,
    sizeBytes: numberInRange('attachment.size', size, { min: 0, max: MAX_OBJECT_BYTES, unit: 'bytes' }),
    digest,
    crc32c: fullCrc ? checksum.value : undefined,
    versionId,
    etag,
  };
}
