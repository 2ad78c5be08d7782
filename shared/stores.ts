import { z } from 'zod';
import { ForeignUrlError, UnknownStoreError } from './errors.ts';
import type { Attachment } from './events/schema.ts';
import { nonEmptyString } from './options.ts';

const httpEndpoint = z.url({ protocol: /^https?$/ });

/** Configuration of one store: where the logical name of an event leads. Never comes from the wire. */
export const storeSchema = z.strictObject({
  /** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'a bucket name of 3 to 63 characters'),
  region: z.string().min(1),
  /** Absolute URL of another S3 than AWS's. */
  endpoint: httpEndpoint.optional(),
  /** Bucket in the path, not in the host name. Default: true with an endpoint of its own or a dot in the bucket's name. */
  pathStyle: z.boolean().optional(),
  /** Further origins (`https://host[:port]`) that presigned URLs of this store may have. */
  allowedOrigins: z.array(httpEndpoint).default([]),
});

/** Stores by logical name. */
export const storesSchema = z.record(z.string().regex(/^[A-Za-z0-9._-]{1,128}$/), storeSchema);

export type StoreOptions = z.input<typeof storeSchema>;
export type StoresOptions = Readonly<Record<string, StoreOptions>>;

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
  const parsed = storesSchema.safeParse(options);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TypeError(`stores.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
  }
  const stores = new Map(Object.entries(parsed.data).map(([name, store]) => [name, workOut(name, store)]));
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
 * Checks the configuration of one store that stands by itself, and works out its defaults.
 * @param field names it in messages, and the store
 * @throws {TypeError} naming the field, the value's fault and what was expected
 */
export function resolveStore(field: string, options: StoreOptions): Store {
  const parsed = storeSchema.safeParse(options);
  if (parsed.success) return workOut(field, parsed.data);
  const [issue] = parsed.error.issues;
  throw new TypeError(`${[field, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'invalid'}`);
}

function workOut(name: string, parsed: z.output<typeof storeSchema>): Store {
  nonEmptyString(`stores.${name}.bucket`, parsed.bucket);
  const { bucket, region, endpoint } = parsed;
  const pathStyle = parsed.pathStyle ?? (endpoint !== undefined || bucket.includes('.'));
  const base = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  if (!pathStyle) base.hostname = `${bucket}.${base.hostname}`;
  const origins = [base.origin, ...parsed.allowedOrigins.map((origin) => new URL(origin).origin)];
  return { name, bucket, region, endpoint, pathStyle, origins };
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
