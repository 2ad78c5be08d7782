import { invalidArgument } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { commonPrefixOf, commonPrefixesXml, readListingQuery } from '../listing.ts';
import type { ListingQuery } from '../listing.ts';
import { OWNER } from '../owner.ts';
import type { Bucket } from '../store/bucket.ts';
import { compareUtf8 } from '../store/key-index.ts';
import type { VersionRecord } from '../store/records.ts';
import { isoMillis } from '../times.ts';
import type { XmlValue } from '../xml.ts';

interface Page {
  readonly records: VersionRecord[];
  readonly prefixes: string[];
  /** The last key or group of the page; the next page starts after it. */
  readonly last: string;
  readonly isTruncated: boolean;
}

/** ListObjectsV2: newest versions by key, in pages. */
export async function listObjectsV2(exchange: Exchange): Promise<void> {
  const { bucket, query } = exchange;
  const listing = readListingQuery(exchange, 'max-keys');
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after');
  const page = collect(bucket, listing, token === undefined ? (startAfter ?? '') : decodeToken(token));
  const owner = query.get('fetch-owner') === 'true';
  exchange.sendXml('ListBucketResult', {
    ...frameXml(bucket, listing, page),
    KeyCount: page.records.length + page.prefixes.length,
    ContinuationToken: token,
    NextContinuationToken: page.isTruncated ? encodeToken(page.last) : undefined,
    StartAfter: startAfter === undefined ? undefined : listing.encode(startAfter),
    Contents: page.records.map((record) => contentXml(record, listing, owner)),
    CommonPrefixes: commonPrefixesXml(page.prefixes, listing.encode),
  });
}

/** ListObjects, the older form. */
export async function listObjects(exchange: Exchange): Promise<void> {
  const { bucket, query } = exchange;
  const listing = readListingQuery(exchange, 'max-keys');
  const marker = query.get('marker') ?? '';
  const page = collect(bucket, listing, marker);
  exchange.sendXml('ListBucketResult', {
    ...frameXml(bucket, listing, page),
    Marker: listing.encode(marker),
    NextMarker: page.isTruncated && listing.delimiter !== '' ? listing.encode(page.last) : undefined,
    Contents: page.records.map((record) => contentXml(record, listing, true)),
    CommonPrefixes: commonPrefixesXml(page.prefixes, listing.encode),
  });
}

function frameXml(
  bucket: Bucket,
  { prefix, delimiter, maxItems, encode, encodingType }: ListingQuery,
  page: Page,
): { readonly [name: string]: XmlValue } {
  return {
    Name: bucket.name,
    Prefix: encode(prefix),
    Delimiter: delimiter === '' ? undefined : encode(delimiter),
    MaxKeys: maxItems,
    EncodingType: encodingType,
    IsTruncated: page.isTruncated,
  };
}

function collect(bucket: Bucket, { prefix, delimiter, maxItems }: ListingQuery, after: string): Page {
  const page = { records: [] as VersionRecord[], prefixes: [] as string[], last: '', isTruncated: false };
  if (maxItems === 0) return page;
  const from = compareUtf8(after, prefix) > 0 ? after : prefix;
  for (const key of bucket.index.keysFrom(from)) {
    if (!key.startsWith(prefix)) break;
    if (after !== '' && compareUtf8(key, after) <= 0) continue;
    const record = bucket.current(key);
    if (record === undefined || record.deleteMarker) continue;
    const group = commonPrefixOf(key, prefix, delimiter);
    // A group that an earlier page ended with, or that is on this page already, counts once.
    if (group !== undefined && (group === page.prefixes.at(-1) || isBehind(group, after))) continue;
    if (page.records.length + page.prefixes.length === maxItems) {
      page.isTruncated = true;
      break;
    }
    if (group === undefined) page.records.push(record);
    else page.prefixes.push(group);
    page.last = group ?? key;
  }
  return page;
}

function isBehind(group: string, after: string): boolean {
  return after !== '' && compareUtf8(group, after) <= 0 && after.startsWith(group);
}

function contentXml(record: VersionRecord, { encode }: ListingQuery, owner: boolean): XmlValue {
  return {
    Key: encode(record.key),
    LastModified: isoMillis(record.modifiedAtMs),
    ETag: `"${record.etag}"`,
    ChecksumAlgorithm: record.checksum?.algorithm,
    ChecksumType: record.checksum?.type,
    Size: record.sizeBytes,
    Owner: owner ? OWNER : undefined,
    StorageClass: 'STANDARD',
  };
}

/** Tokens are opaque to callers. */
function encodeToken(last: string): string {
  return Buffer.from(`1${last}`).toString('base64');
}

function decodeToken(token: string): string {
  const text = Buffer.from(token, 'base64').toString('utf8');
  if (text.startsWith('1') && Buffer.from(text).toString('base64') === token) return text.slice(1);
  throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
}
