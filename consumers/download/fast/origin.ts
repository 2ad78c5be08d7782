import { isIP } from 'node:net';

/** Where a connection leads. */
export interface Origin {
  /** `http://host:port`, in lower case: one for each set of connections. */
  readonly key: string;
  readonly secure: boolean;
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** For the `Host` header. */
  readonly authority: string;
  /** For SNI and the certificate; undefined for an address. */
  readonly servername: string | undefined;
}

/** A URL in the two parts that a request needs. */
export interface RequestTarget {
  readonly origin: Origin;
  /** Path and query, byte for byte as written. */
  readonly path: string;
}

const cache = new Map<string, Origin>();
const MAX_CACHED = 100;

/**
 * Splits a URL without touching its path: `new URL` would resolve dot segments and re-encode, and S3 keys may hold
 * `..`, `//` and `%2F`; the signature covers the path as written.
 * @throws {TypeError} for what is no http or https URL; the URL is not shown
 */
export function splitTarget(url: string): RequestTarget {
  const match = /^(https?:\/\/[^/?#\s]+)([\x21\x22\x24-\x7e]*)(?:#.*)?$/i.exec(url);
  const [, prefix, rest] = match ?? [];
  if (prefix === undefined || rest === undefined) {
    throw new TypeError('url: got something else, expected an absolute http or https URL');
  }
  return { origin: originOf(prefix), path: rest.startsWith('/') ? rest : `/${rest}` };
}

function originOf(prefix: string): Origin {
  const known = cache.get(prefix);
  if (known !== undefined) return known;
  const { protocol, hostname, port, host } = new URL(prefix);
  const secure = protocol === 'https:';
  const name = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const origin: Origin = {
    key: `${protocol}//${host}`,
    secure,
    host: name,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    authority: host,
    servername: isIP(name) === 0 ? name : undefined,
  };
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(prefix, origin);
  return origin;
}
