import { GetObjectCommand, HeadObjectCommand, S3ServiceException, type S3Client } from '@aws-sdk/client-s3';
import { systemClock, type Clock } from '../shared/clock.ts';
import { isWaybillError, PayloadGoneError, UrlServiceError } from '../shared/errors.ts';
import type { Attachment } from '../shared/events/index.ts';
import { createGetPresigner, type GetPresigner } from '../shared/presign.ts';
import { checkTtl } from '../shared/presign-signer.ts';
import { s3ClientFor, type S3ClientOptions } from '../shared/s3-client.ts';
import { toStores, type Store, type Stores, type StoresOptions } from '../shared/stores.ts';
import type { UrlSource } from './url-source.ts';

export interface OwnCredentialsOptions {
  readonly stores: StoresOptions | Stores;
  /** Need `s3:GetObjectVersion`. @default the SDK's provider chain */
  readonly credentials?: S3ClientOptions['credentials'];
  /** Makes the S3 client of a store. @default - `s3ClientFor` with `credentials` */
  readonly clientFor?: (store: Store) => S3Client;
  /** Life of the URLs, 1 to 604,800 s; the session may shorten it. @default 900 */
  readonly urlTtlSeconds?: number;
  /** Who the URLs are for, in S3's access log. @default - not told */
  readonly caller?: string;
  /** @default systemClock */
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/** What one store needs. */
interface StoreTools {
  readonly bucket: string;
  readonly client: S3Client;
  readonly presigner: GetPresigner;
}

/** What a body says of a version that is not there; NoSuchBucket is a configuration gone wrong, and not among them. */
const GONE = new Set(['NoSuchKey', 'NoSuchVersion', 'MethodNotAllowed']);

/**
 * Fresh URLs signed with the consumer's own AWS rights: for consumers inside the account, which need neither claim
 * checks nor a URL service. A revoked payload is refused by the bucket's policy, so here it looks like a refusal.
 *
 * @throws {RangeError} when `urlTtlSeconds` is out of range
 */
export function ownCredentials(options: OwnCredentialsOptions): UrlSource {
  const ttlSeconds = checkTtl('urlTtlSeconds', options.urlTtlSeconds);
  const toolsOf = toolsByStore(options);
  return {
    async refetch(attachment, { signal }) {
      signal?.throwIfAborted();
      const { bucket, client, presigner } = toolsOf(attachment.store);
      const { key, versionId, digest } = attachment;
      try {
        const size = await sizeOf(client, { Bucket: bucket, Key: key, VersionId: versionId }, signal);
        const access = await presigner.presign({ key, versionId, ttlSeconds });
        return { access, versionId, size: size ?? attachment.size, digest };
      } catch (error) {
        signal?.throwIfAborted();
        throw isWaybillError(error) ? error : toError(error, bucket, attachment);
      }
    },
  };
}

type ObjectVersion = { readonly Bucket: string; readonly Key: string; readonly VersionId: string };

/** Size in bytes. HEAD's refusals have no body: a 404 may be the bucket's, so then a GET of one byte is asked which. */
async function sizeOf(client: S3Client, object: ObjectVersion, signal: AbortSignal | undefined) {
  const abort = signal === undefined ? {} : { abortSignal: signal };
  try {
    return (await client.send(new HeadObjectCommand(object), abort)).ContentLength;
  } catch (error) {
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    if (status !== 404) throw error;
    const { Body } = await client.send(new GetObjectCommand({ ...object, Range: 'bytes=0-0' }), abort);
    if (Body !== undefined && 'destroy' in Body) Body.destroy();
    throw error;
  }
}

function toError(error: unknown, bucket: string, { key, versionId }: Attachment): Error {
  const what = `s3://${bucket}/${key} version ${versionId}`;
  const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
  const name = error instanceof Error ? error.name : 'error';
  const details = { bucket, key, versionId, status, code: name };
  if (GONE.has(name) || status === 405)
    return new PayloadGoneError(`${what} does not exist (${name})`, { cause: error, details });
  const said = status === undefined ? `no answer (${name})` : `HTTP ${status} ${name}`;
  return new UrlServiceError(`HEAD ${what}: expected 200, got ${said}`, { cause: error, details });
}

function toolsByStore(options: OwnCredentialsOptions): (name: string) => StoreTools {
  const { credentials, caller, clock = systemClock } = options;
  const clientFor =
    options.clientFor ??
    ((store: Store) => s3ClientFor(store, credentials === undefined ? {} : { credentials }));
  const stores = toStores(options.stores);
  const known = new Map<string, StoreTools>();
  return (name) => {
    const existing = known.get(name);
    if (existing !== undefined) return existing;
    const store = stores.get(name);
    const client = clientFor(store);
    const presigner = createGetPresigner({
      store,
      client,
      clock,
      ...(caller === undefined ? {} : { caller }),
    });
    const made = { bucket: store.bucket, client, presigner };
    known.set(name, made);
    return made;
  };
}
