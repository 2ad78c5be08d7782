import { checkReadConditions } from './conditions.ts';
import { invalidArgument, invalidRequest } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { findVersion } from './find-version.ts';
import type { VersionRecord } from './store/records.ts';

/** What a copy reads from. */
export interface CopySource {
  readonly bucketName: string;
  readonly record: VersionRecord;
  /** The version as the request named it. */
  readonly namedVersionId: string | undefined;
}

/**
 * Finds the source that `x-amz-copy-source` names and judges the source's conditions.
 * @throws {S3Error} InvalidArgument, InvalidRequest, NoSuchBucket, NoSuchKey, NoSuchVersion, PreconditionFailed
 */
export function readCopySource(exchange: Exchange): CopySource {
  const { bucketName, key, versionId } = parseCopySource(exchange);
  const bucket = exchange.store.bucket(bucketName);
  if (versionId !== undefined && bucket.version(key, versionId)?.deleteMarker === true) {
    throw invalidRequest(
      'The source of a copy request may not specifically refer to a delete marker by version id.',
    );
  }
  const record = findVersion(bucket, key, versionId);
  checkReadConditions(exchange, record, 'x-amz-copy-source-');
  return { bucketName, record, namedVersionId: versionId };
}

/**
 * What `x-amz-copy-source` names.
 * @throws {S3Error} InvalidArgument
 */
export function parseCopySource(exchange: Exchange): {
  readonly bucketName: string;
  readonly key: string;
  readonly versionId: string | undefined;
} {
  const header = exchange.header('x-amz-copy-source') ?? '';
  const marker = header.indexOf('?versionId=');
  const versionId = marker === -1 ? undefined : header.slice(marker + '?versionId='.length);
  const path = decode(marker === -1 ? header : header.slice(0, marker), header).replace(/^\//, '');
  const slash = path.indexOf('/');
  if (slash < 1 || slash === path.length - 1) throw malformed(header);
  return { bucketName: path.slice(0, slash), key: path.slice(slash + 1), versionId };
}

/** `x-amz-copy-source-version-id`, unless the source's bucket never had versions. */
export function sourceVersionHeader(exchange: Exchange, source: CopySource): Record<string, string> {
  if (exchange.store.bucket(source.bucketName).record.versioning === 'Off') return {};
  return { 'x-amz-copy-source-version-id': source.record.versionId };
}

function decode(text: string, header: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw malformed(header);
  }
}

function malformed(header: string): Error {
  return invalidArgument('Invalid copy source encoding or form', 'x-amz-copy-source', header);
}
