import { S3Error } from './errors.ts';

/** Which bucket and object a request is about. */
export interface S3Address {
  readonly bucket?: string;
  readonly key?: string;
}

/** Longest key, in bytes of UTF-8. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
export const MAX_KEY_BYTES = 1024;

/** Hosts below which a further label is a bucket (virtual-hosted style). */
const VIRTUAL_HOST = /^(.+?)\.(?:s3\.(?:[a-z0-9-]+\.)?localhost|localhost|127\.0\.0\.1)$/;
const PLAIN_HOST = /^s3(?:\.[a-z0-9-]+)?$/;

/**
 * Finds bucket and key from the host and the raw path.
 * @param rawPath as received, without query
 * @throws {S3Error} InvalidURI if the path is not valid percent-encoded UTF-8; KeyTooLongError
 */
export function parseAddress(host: string | undefined, rawPath: string): S3Address {
  const virtual = virtualBucket(host);
  const path = rawPath.replace(/^\//, '');
  if (virtual !== undefined) return { bucket: virtual, ...keyOf(path) };
  const slash = path.indexOf('/');
  const bucket = decode(slash === -1 ? path : path.slice(0, slash));
  if (bucket === '') return slash === -1 ? {} : { bucket, ...keyOf(path.slice(1)) };
  return slash === -1 ? { bucket } : { bucket, ...keyOf(path.slice(slash + 1)) };
}

/** True if the name follows S3's rules; such a name is also a safe folder name. */
export function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !/\.\.|\.-|-\./.test(name) &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name)
  );
}

/** @throws {S3Error} KeyTooLongError */
export function checkKeyLength(key: string): void {
  const size = Buffer.byteLength(key);
  if (size <= MAX_KEY_BYTES) return;
  throw new S3Error('KeyTooLongError', { Size: String(size), MaxSizeAllowed: String(MAX_KEY_BYTES) });
}

function keyOf(rawKey: string): { key?: string } {
  if (rawKey === '') return {};
  const key = decode(rawKey);
  checkKeyLength(key);
  return { key };
}

function virtualBucket(host: string | undefined): string | undefined {
  const name = (host ?? '').toLowerCase().replace(/:\d+$/, '');
  const bucket = VIRTUAL_HOST.exec(name)?.[1];
  return bucket === undefined || PLAIN_HOST.test(bucket) ? undefined : bucket;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error('InvalidURI', { URI: text });
  }
}
