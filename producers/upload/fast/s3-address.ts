import type { Store } from '../../../shared/stores.ts';
import { uriEncode } from '../../../shared/sigv4-encoding.ts';

/** The part of a store that says where its requests go. */
export type StoreAddress = Pick<Store, 'bucket' | 'region' | 'endpoint' | 'pathStyle'>;

/** Where to connect, and what to ask for. */
export interface S3Address {
  readonly origin: URL;
  /** Value of the Host header. */
  readonly host: string;
  /** Encoded path of a key. */
  pathOf(key: string): string;
}

/** Regions of the partitions that share `amazonaws.com`; others have names of their own. */
const COMMON_REGION = /^(?:af|ap|ca|eu|il|me|mx|sa|us)-(?:gov-)?[a-z]+-\d+$/;

/**
 * Works out a store's address, as the SDK does.
 * @returns undefined for a store whose address takes the SDK's rules: an endpoint with a path, another partition
 */
export function s3AddressOf(store: StoreAddress): S3Address | undefined {
  const { bucket, region, endpoint, pathStyle } = store;
  if (endpoint === undefined && !COMMON_REGION.test(region)) return undefined;
  const origin = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  if (origin.pathname !== '/' || origin.search !== '' || origin.username !== '') return undefined;
  if (!pathStyle) origin.hostname = `${bucket}.${origin.hostname}`;
  const base = pathStyle ? `/${bucket}/` : '/';
  return {
    origin,
    host: origin.host,
    pathOf: (key) => base + key.split('/').map(uriEncode).join('/'),
  };
}
