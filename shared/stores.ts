import { ForeignUrlError, UnknownStoreError } from './errors.ts';
import type { Attachment } from './events/schema.ts';
import { httpUrl, show } from './options.ts';

/** Configuration of one store: where the logical name of an event leads. Never comes from the wire. */
export interface StoreOptions {
  /** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
  readonly bucket: string;
  readonly region: string;
  /** Absolute URL of another S3 than AWS's. @default - AWS's of that region */
  readonly endpoint?: string | undefined;
  /** Bucket in the path, not in the host name. @default - true with an endpoint of its own or a dot in the bucket's name */
  readonly pathStyle?: boolean | undefined;
  /** Further origins (`https://host[:port]`) that presigned URLs of this store may have. @default [] */
  readonly allowedOrigins?: readonly string[] | undefined;
}

/** Stores by logical name. */
export type StoresOptions = Readonly<Record<string, StoreOptions>>;

const STORE_NAME = /^[A-Za-z0-9._-]{1,128}$/;
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const REGION = /^[A-Za-z0-9-]{1,63}$/;
const FIELDS: readonly string[] = [
  'bucket',
  'region',
  'endpoint',
  'pathStyle',
  'allowedOrigins',
] satisfies (keyof StoreOptions)[];

/** A store with everything worked out. */
export interface Store {
  readonly name: string;
  readonly bucket: string;
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly pathStyle: boolean;
  /** Origins that a presigned URL of this store may have; the first is the one that the SDK signs for. */
  readonly origins: readonly string[];
}

/** All stores this process knows. */
export interface Stores {
  /** @throws {UnknownStoreError} */
  get(name: string): Store;
  readonly names: readonly string[];
}

/**
 * Checks the configuration of all stores and works out their defaults.
 * @throws {TypeError} naming the store, the field, the value and what was expected
 */
export function resolveStores(options: StoresOptions): Stores {
  const stores = new Map(
    Object.entries(plainObject('stores', options)).map(([name, store]) => {
      if (!STORE_NAME.test(name))
        throw new TypeError(`stores: got the name ${show(name)}, expected 1 to 128 of A-Z a-z 0-9 . _ -`);
      return [name, resolveStore(`stores.${name}`, store as StoreOptions, name)];
    }),
  );
  return {
    names: [...stores.keys()],
    get(name) {
      const store = stores.get(name);
      if (store !== undefined) return store;
      const known = [...stores.keys()].join(', ') || 'none';
      throw new UnknownStoreError(`store ${JSON.stringify(name)} is not configured here (known: ${known})`, {
        details: { store: name },
      });
    },
  };
}

/** Stores that were resolved before, or their configuration. @throws {TypeError} like `resolveStores` */
export function toStores(stores: StoresOptions | Stores): Stores {
  return typeof stores.get === 'function' ? (stores as Stores) : resolveStores(stores as StoresOptions);
}

/**
 * Checks the configuration of one store, and works out its defaults.
 * @param field names it in messages
 * @param name logical name, for a store that has one. @default - the field
 * @throws {TypeError} naming the field, the value and what was expected
 */
export function resolveStore(field: string, given: StoreOptions, name = field): Store {
  const options = plainObject(field, given);
  const unknown = Object.keys(options).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined)
    throw new TypeError(`${field}: got the field ${show(unknown)}, expected ${FIELDS.join(', ')}`);
  const { bucket, region, endpoint, pathStyle: asked, allowedOrigins = [] } = options;
  if (typeof bucket !== 'string' || !BUCKET_NAME.test(bucket))
    throw new TypeError(`${field}.bucket: got ${show(bucket)}, expected a bucket name of 3 to 63 characters`);
  if (typeof region !== 'string' || !REGION.test(region))
    throw new TypeError(`${field}.region: got ${show(region)}, expected a region such as eu-central-1`);
  if (asked !== undefined && typeof asked !== 'boolean')
    throw new TypeError(`${field}.pathStyle: got ${show(asked)}, expected true or false`);
  if (!Array.isArray(allowedOrigins))
    throw new TypeError(`${field}.allowedOrigins: got ${show(allowedOrigins)}, expected an array of URLs`);
  const own = endpoint === undefined ? undefined : httpUrl(`${field}.endpoint`, endpoint);
  const pathStyle = asked ?? (own !== undefined || bucket.includes('.'));
  const base = own ?? new URL(`https://s3.${region}.amazonaws.com`);
  if (!pathStyle) base.hostname = `${bucket}.${base.hostname}`;
  const further = allowedOrigins.map((url, i) => httpUrl(`${field}.allowedOrigins.${i}`, url).origin);
  return {
    name,
    bucket,
    region,
    endpoint: endpoint as string | undefined,
    pathStyle,
    origins: [base.origin, ...further],
  };
}

function plainObject(field: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new TypeError(`${field}: got ${show(value)}, expected an object`);
}

/** What a presigned GET must name. */
export type Payload = Pick<Attachment, 'store' | 'key' | 'versionId'>;

/**
 * Checks that a presigned URL names exactly this payload: origin, bucket, key and version as configuration and
 * event say. A URL from the wire could otherwise make a consumer fetch from a host of the sender's choosing.
 *
 * @throws {ForeignUrlError} naming the part that differs; the URL's query is never shown
 */
export function checkAccessUrl(href: string, store: Store, payload: Payload): void {
  const url = new URL(href);
  const refuse = (what: string, got: string, expected: string): never => {
    throw new ForeignUrlError(
      `access.url: ${what} is ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`,
      {
        details: { store: store.name, key: payload.key },
      },
    );
  };
  if (url.username !== '' || url.password !== '') refuse('user information', 'present', 'none');
  if (url.hash !== '') refuse('fragment', 'present', 'none');
  if (!store.origins.includes(url.origin)) refuse('origin', url.origin, store.origins.join(' or '));
  const path = `/${store.pathStyle ? `${store.bucket}/` : ''}${payload.key}`;
  const decoded = decodePath(rawPath(href));
  if (decoded !== path) refuse('path', decoded.slice(0, 200), path);
  const versions = url.searchParams.getAll('versionId');
  if (versions.length !== 1 || versions[0] !== payload.versionId) {
    refuse('versionId', versions.join(', ') || 'missing', payload.versionId);
  }
}

/** The path as written: `new URL` resolves dot segments, which S3 keys may rightly hold. */
function rawPath(href: string): string {
  return /^https?:\/\/[^/?#]*([^?#]*)/i.exec(href)?.[1] ?? '';
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
