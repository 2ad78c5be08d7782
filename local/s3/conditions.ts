import { S3Error, notImplemented } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { WriteCondition } from './store/bucket.ts';
import type { VersionRecord } from './store/records.ts';

/** Where the conditional headers of a read stand: plain, or for a copy's source with a prefix. */
export type ConditionPrefix = '' | 'x-amz-copy-source-';

/** HTTP dates have whole seconds. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/**
 * Judges If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since of a read, in RFC 9110's order.
 * @throws {S3Error} 412 PreconditionFailed or, for plain reads, 304.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
 */
export function checkReadConditions(
  exchange: Exchange,
  record: VersionRecord,
  prefix: ConditionPrefix = '',
): void {
  const header = (name: string): string | undefined => exchange.header(`${prefix}${name}`);
  const modified = seconds(record.modifiedAtMs);
  const ifMatch = header('if-match');
  const unmodifiedSince = dateOf(header('if-unmodified-since'));
  if (ifMatch !== undefined) {
    if (!etagListMatches(ifMatch, record.etag)) throw failed('If-Match');
  } else if (unmodifiedSince !== undefined && modified > seconds(unmodifiedSince)) {
    throw failed('If-Unmodified-Since');
  }
  const ifNoneMatch = header('if-none-match');
  const modifiedSince = dateOf(header('if-modified-since'));
  if (ifNoneMatch !== undefined) {
    if (etagListMatches(ifNoneMatch, record.etag)) throw unchanged(prefix, 'If-None-Match', record);
  } else if (modifiedSince !== undefined && modified <= seconds(modifiedSince)) {
    throw unchanged(prefix, 'If-Modified-Since', record);
  }
}

/**
 * The condition of a write, from If-Match and If-None-Match. It is judged when the write is published.
 * @throws {S3Error} NotImplemented for an If-None-Match other than `*`, as in S3.
 */
export function writeCondition(exchange: Exchange): WriteCondition {
  const ifMatch = exchange.header('if-match');
  const ifNoneMatch = exchange.header('if-none-match');
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    throw notImplemented('If-None-Match with a value other than * on a write');
  }
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw notImplemented('If-Match together with If-None-Match on a write');
  }
  return (current) => {
    if (ifNoneMatch !== undefined && current !== undefined) throw failed('If-None-Match');
    if (ifMatch === undefined) return;
    if (current === undefined) throw new S3Error('NoSuchKey', { Key: exchange.key });
    if (!etagListMatches(ifMatch, current.etag)) throw failed('If-Match');
  };
}

/** True if `*` or one of the listed etags, quoted or bare, is this one. */
export function etagListMatches(list: string, etag: string): boolean {
  return list
    .split(',')
    .map((item) => item.trim().replaceAll(/^"|"$/g, ''))
    .some((item) => item === '*' || item === etag);
}

function failed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', { Condition: condition });
}

/** A 304 says of which state it speaks. @see https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5 */
function unchanged(prefix: ConditionPrefix, condition: string, record: VersionRecord): S3Error {
  if (prefix !== '') return failed(`${prefix}${condition.toLowerCase()}`);
  const headers = {
    etag: `"${record.etag}"`,
    'last-modified': new Date(record.modifiedAtMs).toUTCString(),
  };
  return new S3Error('NotModified', {}, { headers });
}

function dateOf(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
