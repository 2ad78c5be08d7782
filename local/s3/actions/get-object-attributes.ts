import { checkReadConditions } from '../conditions.ts';
import { invalidArgument } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { requestedVersion } from '../find-version.ts';
import { versionIdHeader } from '../object-headers.ts';
import type { VersionRecord } from '../store/records.ts';
import type { XmlValue } from '../xml.ts';
import { checksumXml } from './multipart.ts';

const ATTRIBUTES = new Set(['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize']);
const DEFAULT_MAX_PARTS = 1000;

/** GetObjectAttributes: facts of a version without its bytes or metadata. */
export async function getObjectAttributes(exchange: Exchange): Promise<void> {
  const record = requestedVersion(exchange);
  checkReadConditions(exchange, record);
  const name = 'x-amz-object-attributes';
  const header = exchange.header(name) ?? '';
  const wanted = header.split(',').map((item) => item.trim());
  if (!wanted.every((item) => ATTRIBUTES.has(item))) {
    throw invalidArgument('Invalid attribute name specified.', name, header);
  }
  const has = (attribute: string): boolean => wanted.includes(attribute);
  const { checksum } = record;
  exchange.sendXml(
    'GetObjectAttributesResponse',
    {
      ETag: has('ETag') ? record.etag : undefined,
      Checksum:
        has('Checksum') && checksum !== undefined
          ? {
              ...checksumXml(checksum.algorithm, checksum.value.replace(/-\d+$/, '')),
              ChecksumType: checksum.type,
            }
          : undefined,
      ObjectParts:
        has('ObjectParts') && record.uploadId !== undefined ? partsXml(exchange, record) : undefined,
      StorageClass: has('StorageClass') ? 'STANDARD' : undefined,
      ObjectSize: has('ObjectSize') ? record.sizeBytes : undefined,
    },
    {
      'last-modified': new Date(record.modifiedAtMs).toUTCString(),
      ...versionIdHeader(exchange, record.versionId),
    },
  );
}

function partsXml(exchange: Exchange, record: VersionRecord): XmlValue {
  const marker = readCount(exchange, 'x-amz-part-number-marker', 0);
  const maxParts = Math.min(readCount(exchange, 'x-amz-max-parts', DEFAULT_MAX_PARTS), DEFAULT_MAX_PARTS);
  const after = record.parts.filter(({ partNumber = 0 }) => partNumber > marker);
  const page = after.slice(0, maxParts);
  const isTruncated = after.length > page.length;
  return {
    PartsCount: record.parts.length,
    PartNumberMarker: marker,
    NextPartNumberMarker: isTruncated ? page.at(-1)?.partNumber : undefined,
    MaxParts: maxParts,
    IsTruncated: isTruncated,
    // As in S3, parts are listed only where they have checksums.
    Part:
      record.checksum === undefined
        ? []
        : page.map(({ partNumber, sizeBytes, checksum }) =>
            Object.assign(
              { PartNumber: partNumber, Size: sizeBytes },
              checksumXml(record.checksum?.algorithm, checksum),
            ),
          ),
  };
}

function readCount(exchange: Exchange, name: string, fallback: number): number {
  const text = exchange.header(name);
  if (text === undefined) return fallback;
  if (!/^\d{1,9}$/.test(text)) throw invalidArgument(`${name} must be a number`, name, text);
  return Number(text);
}
