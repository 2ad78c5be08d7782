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

interface Marker {
  readonly key: string;
  readonly versionId: string | undefined;
}

interface Page {
  readonly entries: { readonly record: VersionRecord; readonly isLatest: boolean }[];
  readonly prefixes: string[];
  last: Marker;
  isTruncated: boolean;
}

/** ListObjectVersions: every version and delete marker, by key, newest first. */
export async function listObjectVersions(exchange: Exchange): Promise<void> {
  const { bucket, query } = exchange;
  const listing = readListingQuery(exchange, 'max-keys');
  const { prefix, delimiter, maxItems, encode, encodingType } = listing;
  const versionId = query.get('version-id-marker');
  const marker = { key: query.get('key-marker') ?? '', versionId: versionId === '' ? undefined : versionId };
  if (marker.versionId !== undefined && marker.key === '') {
    throw invalidArgument(
      'A version-id marker cannot be specified without a key marker.',
      'version-id-marker',
      marker.versionId,
    );
  }
  const page = collect(bucket, listing, marker);
  const xml = (deleteMarker: boolean): XmlValue =>
    page.entries
      .filter(({ record }) => record.deleteMarker === deleteMarker)
      .map(({ record, isLatest }) => entryXml(record, isLatest, encode));
  exchange.sendXml('ListVersionsResult', {
    Name: bucket.name,
    Prefix: encode(prefix),
    Delimiter: delimiter === '' ? undefined : encode(delimiter),
    KeyMarker: encode(marker.key),
    VersionIdMarker: marker.versionId ?? '',
    NextKeyMarker: page.isTruncated ? encode(page.last.key) : undefined,
    NextVersionIdMarker: page.isTruncated ? page.last.versionId : undefined,
    MaxKeys: maxItems,
    EncodingType: encodingType,
    IsTruncated: page.isTruncated,
    Version: xml(false),
    DeleteMarker: xml(true),
    CommonPrefixes: commonPrefixesXml(page.prefixes, encode),
  });
}

function collect(bucket: Bucket, { prefix, delimiter, maxItems }: ListingQuery, marker: Marker): Page {
  const page: Page = {
    entries: [],
    prefixes: [],
    last: { key: '', versionId: undefined },
    isTruncated: false,
  };
  if (maxItems === 0) return page;
  const isFull = (): boolean => page.entries.length + page.prefixes.length === maxItems;
  const from = compareUtf8(marker.key, prefix) > 0 ? marker.key : prefix;
  for (const key of bucket.index.keysFrom(from)) {
    if (!key.startsWith(prefix)) break;
    const group = commonPrefixOf(key, prefix, delimiter);
    if (group !== undefined) {
      const seen = group === page.prefixes.at(-1) || (marker.key !== '' && marker.key.startsWith(group));
      if (seen) continue;
    }
    const versions = versionsAfter(bucket.index.versionsOf(key), key, marker);
    for (const record of group === undefined ? versions : versions.slice(0, 1)) {
      if (isFull()) {
        page.isTruncated = true;
        return page;
      }
      if (group === undefined) page.entries.push({ record, isLatest: record === bucket.current(key) });
      else page.prefixes.push(group);
      page.last = group === undefined ? record : { key: group, versionId: undefined };
    }
  }
  return page;
}

/** The versions of a key that come after the marker. */
function versionsAfter(
  versions: readonly VersionRecord[],
  key: string,
  marker: Marker,
): readonly VersionRecord[] {
  if (marker.key === '' || key !== marker.key) return versions;
  if (marker.versionId === undefined) return [];
  const at = versions.findIndex(({ versionId }) => versionId === marker.versionId);
  return at === -1 ? [] : versions.slice(at + 1);
}

function entryXml(record: VersionRecord, isLatest: boolean, encode: (text: string) => string): XmlValue {
  const common = {
    Key: encode(record.key),
    VersionId: record.versionId,
    IsLatest: isLatest,
    LastModified: isoMillis(record.modifiedAtMs),
  };
  if (record.deleteMarker) return { ...common, Owner: OWNER };
  return {
    ...common,
    ETag: `"${record.etag}"`,
    ChecksumAlgorithm: record.checksum?.algorithm,
    ChecksumType: record.checksum?.type,
    Size: record.sizeBytes,
    StorageClass: 'STANDARD',
    Owner: OWNER,
  };
}
