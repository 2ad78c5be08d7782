import { uriEncode } from '../../shared/sigv4-encoding.ts';
import { invalidArgument } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { XmlValue } from './xml.ts';

/** Most entries of one page. */
export const MAX_PAGE = 1000;

/** What all listings share. */
export interface ListingQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxItems: number;
  /** Writes a key as the caller asked: as it is, or percent-encoded. */
  readonly encode: (text: string) => string;
  readonly encodingType: string | undefined;
}

/**
 * Reads prefix, delimiter, encoding and page size.
 * @param maxName the parameter that holds the page size
 * @throws {S3Error} InvalidArgument
 */
export function readListingQuery(exchange: Exchange, maxName: string): ListingQuery {
  const { query } = exchange;
  const encodingType = query.get('encoding-type');
  if (encodingType !== undefined && encodingType !== 'url') {
    throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', encodingType);
  }
  const encode =
    encodingType === undefined
      ? (text: string) => text
      : (text: string) => uriEncode(text).replaceAll('%2F', '/');
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    maxItems: readPageSize(exchange, maxName),
    encode,
    encodingType,
  };
}

/** @throws {S3Error} InvalidArgument */
export function readPageSize(exchange: Exchange, name: string): number {
  const text = exchange.query.get(name);
  if (text === undefined || text === '') return MAX_PAGE;
  if (!/^\d{1,10}$/.test(text)) {
    throw invalidArgument(`Provided ${name} not an integer or within integer range`, name, text);
  }
  return Math.min(Number(text), MAX_PAGE);
}

/** The group that a key falls into: up to and with the first delimiter after the prefix. */
export function commonPrefixOf(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}

/** Groups as XML. */
export function commonPrefixesXml(prefixes: readonly string[], encode: (text: string) => string): XmlValue {
  return prefixes.map((prefix) => ({ Prefix: encode(prefix) }));
}
