import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from './clock.ts';
import { UrlServiceError } from './errors.ts';
import { numberInRange } from './options.ts';
import { s3ClientFor, type S3ClientOptions } from './s3-client.ts';
import type { Store } from './stores.ts';
import { checkTtl } from './url-ttl.ts';

export { checkTtl, DEFAULT_URL_TTL_SECONDS } from './url-ttl.ts';

/** Seconds before the end of the signer's session at which its URLs must be over. */
export const DEFAULT_CREDENTIAL_MARGIN_SECONDS = 60;

/** What every presigner needs. */
export interface PresignerOptions {
  readonly store: Store;
  /** Lends its credentials, and their caching; the URL itself is signed for the store. @default - made from `credentials` */
  readonly client?: S3Client;
  /** @default the SDK's provider chain */
  readonly credentials?: S3ClientOptions['credentials'];
  /** @default systemClock */
  readonly clock?: Pick<Clock, 'nowMs'>;
  /** See `DEFAULT_CREDENTIAL_MARGIN_SECONDS`. 0 to 3600. @default 60 */
  readonly credentialMarginSeconds?: number;
}

/** One signing: by whom, from when, for how long. */
export interface SigningPlan {
  /** A client with exactly the credentials that the life was computed from. */
  readonly client: S3Client;
  /** Whole seconds, as X-Amz-Date holds them. */
  readonly signingDate: Date;
  readonly expiresInSeconds: number;
}

/**
 * Plans signings so that no URL claims to outlive its signer's session. The SDK signs what it is asked for,
 * although a URL dies with its credentials; and it reads them at another moment than anyone who clamps.
 * So they are read once here, and the URL is signed with those.
 *
 * @param what names the object in errors
 * @throws {RangeError} from the returned function, when `ttlSeconds` is not 1 to 604,800
 * @throws {UrlServiceError} from the returned function, when there are no credentials or their session is about to end
 */
export function createSigningPlanner(
  options: PresignerOptions,
  clock: Pick<Clock, 'nowMs'>,
): (what: string, ttlSeconds: number | undefined) => Promise<SigningPlan> {
  const { store } = options;
  const marginSeconds = numberInRange(
    'credentialMarginSeconds',
    options.credentialMarginSeconds ?? DEFAULT_CREDENTIAL_MARGIN_SECONDS,
    { min: 0, max: 3600, unit: 's' },
  );
  const source =
    options.client ??
    s3ClientFor(store, options.credentials === undefined ? {} : { credentials: options.credentials });
  const clientWith = memoiseClient(store);
  return async (what, ttlSeconds) => {
    const asked = checkTtl('ttlSeconds', ttlSeconds);
    const identity = await credentialsOf(source, what);
    const signedAtMs = Math.floor(clock.nowMs() / 1000) * 1000;
    const endsAtMs = identity.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    const possible = Math.floor((endsAtMs - signedAtMs) / 1000) - marginSeconds;
    if (possible < 1) {
      const end = new Date(endsAtMs).toISOString();
      throw new UrlServiceError(
        `sign ${what}: the signer's session ends at ${end}, expected more than ${marginSeconds} s from now`,
        { details: { sessionEndsAt: end, credentialMarginSeconds: marginSeconds } },
      );
    }
    return {
      client: clientWith(identity),
      signingDate: new Date(signedAtMs),
      expiresInSeconds: Math.min(asked, possible),
    };
  };
}

type Identity = Awaited<ReturnType<S3Client['config']['credentials']>>;

async function credentialsOf(client: S3Client, what: string): Promise<Identity> {
  try {
    return await client.config.credentials();
  } catch (error) {
    throw new UrlServiceError(`sign ${what}: no credentials can be had`, { cause: error });
  }
}

/** Keeps the client of the latest credentials: they change once an hour, signings come by the second. */
function memoiseClient(store: Store): (identity: Identity) => S3Client {
  let latest: { accessKeyId: string; sessionToken: string | undefined; client: S3Client } | undefined;
  return ({ accessKeyId, secretAccessKey, sessionToken }) => {
    if (latest?.accessKeyId === accessKeyId && latest.sessionToken === sessionToken) return latest.client;
    // Without `expiration`: the SDK would otherwise ask again, and again, near its end.
    const credentials = {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    };
    latest = { accessKeyId, sessionToken, client: s3ClientFor(store, { credentials }) };
    return latest.client;
  };
}
