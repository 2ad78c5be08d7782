import { S3Error } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { Bucket } from './store/bucket.ts';
import type { VersionRecord } from './store/records.ts';

/**
 * The version a read is about: the newest, or the one that `versionId` names.
 * @throws {S3Error} NoSuchKey; NoSuchVersion; MethodNotAllowed if the version named is a delete marker
 */
export function findVersion(bucket: Bucket, key: string, versionId: string | undefined): VersionRecord {
  if (versionId === undefined) {
    const current = bucket.current(key);
    if (current === undefined) throw new S3Error('NoSuchKey', { Key: key });
    if (!current.deleteMarker) return current;
    const headers = { 'x-amz-delete-marker': 'true', 'x-amz-version-id': current.versionId };
    throw new S3Error('NoSuchKey', { Key: key }, { headers });
  }
  const record = bucket.version(key, versionId);
  if (record === undefined) throw new S3Error('NoSuchVersion', { Key: key, VersionId: versionId });
  if (!record.deleteMarker) return record;
  const headers = {
    'x-amz-delete-marker': 'true',
    'x-amz-version-id': versionId,
    'last-modified': new Date(record.modifiedAtMs).toUTCString(),
    allow: 'DELETE',
  };
  throw new S3Error('MethodNotAllowed', { Method: 'GET', ResourceType: 'DeleteMarker' }, { headers });
}

/** The version that this exchange reads. @throws {S3Error} as `findVersion` */
export function requestedVersion(exchange: Exchange): VersionRecord {
  return findVersion(exchange.bucket, exchange.key, exchange.query.get('versionId'));
}
