import { checkReadConditions } from './conditions.ts';
import { invalidArgument } from './errors.ts';
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
 * @throws {S3Error} InvalidArgument, NoSuchBucket, NoSuchKey, NoSuchVersion, PreconditionFailed
 */
export function readCopySource(exchange: Exchange): CopySource {
  const header = exchange.header('x-amz-copy-source') ?? '';
  const marker = header.indexOf('?versionId=');
  const namedVersionId = marker === -1 ? undefined : header.slice(marker + '?versionId='.length);
  const path = decode(marker === -1 ? header : header.slice(0, marker), header).replace(/^\//, '');
  const slash = path.indexOf('/');
  if (slash < 1 || slash === path.length - 1) throw malformed(header);
  const bucketName = path.slice(0, slash);
  const record = findVersion(exchange.store.bucket(bucketName), path.slice(slash + 1), namedVersionId);
  checkReadConditions(exchange, record, 'x-amz-copy-source-');
  return { bucketName, record, namedVersionId };
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
