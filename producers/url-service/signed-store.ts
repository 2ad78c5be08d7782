import { UrlServiceError } from '../../shared/errors.ts';
import { CALLER_PARAMETER } from '../../shared/presigned-url.ts';
import type { Clock } from '../../shared/clock.ts';
import { REVOKED_TAG } from '../../shared/revoked-tag.ts';
import { parseS3Error } from '../../shared/s3-error-body.ts';
import { SecretUrl } from '../../shared/secret.ts';
import { EMPTY_SHA256, uriEncode } from '../../shared/sigv4-encoding.ts';
import { presignS3Get } from '../../shared/sigv4-presign.ts';
import { createSigV4Signer, type SigningIdentity } from '../../shared/sigv4-signer.ts';
import { s3AddressOf, type StoreAddress } from '../upload/fast/s3-address.ts';
import type { StoreTools } from './core.ts';
import { MISSING } from './missing.ts';

export interface SignedStoreOptions {
  readonly store: StoreAddress;
  /** Asked for every request and URL. */
  readonly credentials: () => SigningIdentity;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** @default 3 */
  readonly attempts?: number;
  /** Longest that one attempt may take, in milliseconds. @default 5000 */
  readonly timeoutMs?: number;
}

/** A store reached by plain signed requests, as far as the URL service needs it. */
export interface SignedStore extends StoreTools {
  /**
   * The bytes of an object as text, and its etag.
   * @throws {UrlServiceError} naming what S3 answered
   */
  read(key: string): Promise<string>;
}

/**
 * Reaches a store without the SDK, which would be most of a function's bundle and of its cold start.
 * @throws {TypeError} for a store whose address only the SDK's rules can tell
 */
export function createSignedStore(options: SignedStoreOptions): SignedStore {
  const { store, credentials, clock, attempts = 3, timeoutMs = 5_000 } = options;
  const address = s3AddressOf(store);
  if (address === undefined)
    throw new TypeError(
      `stores: got region ${store.region}, expected one of the partition aws, or an endpoint without a path`,
    );
  const signer = createSigV4Signer('s3', store.region);

  const once = async (
    key: string,
    query: readonly (readonly [string, string])[],
    signal: AbortSignal,
  ): Promise<{ status: number; text: string }> => {
    const path = address.pathOf(key);
    const headers = signer.sign(
      { method: 'GET', path, query, headers: { host: address.host }, payloadHash: EMPTY_SHA256 },
      credentials(),
      clock.nowMs(),
    );
    const pairs = query.map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`);
    const response = await fetch(
      `${address.origin.origin}${path}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`,
      {
        headers,
        signal,
        redirect: 'manual',
      },
    );
    return { status: response.status, text: await response.text() };
  };

  /** Asks again what a server, or the way to it, could not answer. */
  const get = async (
    key: string,
    query: readonly (readonly [string, string])[],
    signal?: AbortSignal,
  ): Promise<{ status: number; text: string }> => {
    for (let attempt = 1; ; attempt++) {
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const reply = await once(
          key,
          query,
          signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        );
        if (reply.status < 500 || attempt >= attempts) return reply;
      } catch (error) {
        signal?.throwIfAborted();
        if (attempt >= attempts)
          throw new UrlServiceError(`GET s3://${store.bucket}/${key}: no answer`, { cause: error });
      }
    }
  };

  return {
    async state({ key, versionId }, signal) {
      const { status, text } = await get(
        key,
        [
          ['tagging', ''],
          ['versionId', versionId],
        ],
        signal,
      );
      if (status === 200) return text.includes(`<Key>${REVOKED_TAG}</Key>`) ? 'revoked' : 'present';
      const { code = `HTTP ${status}` } = parseS3Error(text);
      if (MISSING.has(code)) return 'missing';
      throw new UrlServiceError(`tags of s3://${store.bucket}/${key}: S3 answered ${status} ${code}`);
    },
    async presign({ key, versionId, ttlSeconds, caller }) {
      const issuedAtMs = Math.floor(clock.nowMs() / 1000) * 1000;
      const url = presignS3Get(
        {
          origin: address.origin,
          path: address.pathOf(key),
          query: [
            ['versionId', versionId],
            [CALLER_PARAMETER, caller],
          ],
          region: store.region,
          expiresSeconds: ttlSeconds,
        },
        credentials(),
        issuedAtMs,
      );
      return {
        method: 'GET',
        url: new SecretUrl(url),
        issuedAt: new Date(issuedAtMs).toISOString(),
        expiresAt: new Date(issuedAtMs + ttlSeconds * 1000).toISOString(),
      };
    },
    async read(key) {
      const { status, text } = await get(key, []);
      if (status === 200) return text;
      const { code = `HTTP ${status}` } = parseS3Error(text);
      throw new UrlServiceError(`GET s3://${store.bucket}/${key}: S3 answered ${status} ${code}`);
    },
  };
}
