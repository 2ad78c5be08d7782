import type { IncomingHttpHeaders } from 'node:http';
import type { S3Address } from './address.ts';
import { S3Error, notImplemented } from './errors.ts';
import { routes } from './routes.ts';
import type { Route, RouteLevel } from './route.ts';

/** What of a request decides its action. */
export interface RoutedRequest {
  readonly method: string;
  readonly address: S3Address;
  readonly query: ReadonlyMap<string, string>;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Headers that this service understands, or may ignore without telling a lie. Any other `x-amz-` header is
 * answered with 501, since a success would pretend that it was heeded.
 */
const KNOWN_HEADERS =
  /^x-amz-(?:date|content-sha256|security-token|decoded-content-length|trailer|user-agent|sdk-checksum-algorithm|checksum-[a-z0-9]+|meta-.*|tagging|tagging-directive|metadata-directive|copy-source|copy-source-(?:range|if-match|if-none-match|if-modified-since|if-unmodified-since)|mp-object-size|expected-bucket-owner|source-expected-bucket-owner|request-payer|confirm-remove-self-bucket-access|transition-default-minimum-object-size|object-attributes|max-parts|part-number-marker|acl|storage-class|server-side-encryption|bucket-object-lock-enabled|object-ownership)$/;

/** Headers whose only value here is what S3 does by default. */
const DEFAULTS_ONLY: Readonly<Record<string, readonly string[]>> = {
  'x-amz-acl': ['private', 'bucket-owner-full-control'],
  'x-amz-storage-class': ['STANDARD'],
  'x-amz-server-side-encryption': ['AES256'],
  'x-amz-bucket-object-lock-enabled': ['false'],
  'x-amz-object-ownership': ['BucketOwnerEnforced'],
};

/**
 * Finds the action of a request.
 * @throws {S3Error} NotImplemented for any subresource or parameter that has none here; MethodNotAllowed for a
 * method that S3 itself does not know there
 */
export function findRoute(request: RoutedRequest): Route {
  const { method, query, headers } = request;
  const level = levelOf(request.address);
  const names = [...query.keys()].filter((name) => !/^x-/i.test(name));
  const candidates = routes.filter((route) => route.method === method && route.level === level);
  for (const route of candidates) {
    const needs = Object.entries(route.needs ?? {});
    const fits =
      needs.every(([name, value]) => query.has(name) && (value === undefined || query.get(name) === value)) &&
      (route.header === undefined || headers[route.header] !== undefined);
    if (!fits) continue;
    const known = new Set([...needs.map(([name]) => name), ...(route.allows ?? [])]);
    const strange = names.find((name) => !known.has(name));
    if (strange !== undefined) throw notImplemented(`${route.operation} with the query parameter ${strange}`);
    return route;
  }
  if (names.length === 0) {
    throw new S3Error('MethodNotAllowed', { Method: method, ResourceType: level.toUpperCase() });
  }
  throw notImplemented(`${method} on the ${level} level with ?${names.join('&')}`);
}

/**
 * Refuses headers, or parameters that a signer hoisted, which ask for what is not done here.
 * @throws {S3Error} NotImplemented
 */
export function checkHeaders(request: RoutedRequest): void {
  for (const name of Object.keys(request.headers)) {
    if (name.startsWith('x-amz-') && !KNOWN_HEADERS.test(name)) throw notImplemented(`The header ${name}`);
  }
  for (const [name, allowed] of Object.entries(DEFAULTS_ONLY)) {
    const value = request.headers[name] ?? request.query.get(name);
    if (value === undefined || (typeof value === 'string' && allowed.includes(value))) continue;
    throw notImplemented(`${name}: ${String(value)}`);
  }
}

/** @throws {S3Error} AccessDenied if the caller expects another owner than the one there is */
export function checkExpectedOwner(headers: IncomingHttpHeaders, ownerId: string): void {
  for (const name of ['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner']) {
    const expected = headers[name];
    if (expected !== undefined && expected !== ownerId) throw new S3Error('AccessDenied');
  }
}

function levelOf({ bucket, key }: S3Address): RouteLevel {
  if (bucket === undefined) return 'service';
  return key === undefined ? 'bucket' : 'object';
}
