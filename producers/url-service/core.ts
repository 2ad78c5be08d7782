import type { ClaimCheckVerifier, VerifiedClaimCheck } from '../../shared/claim-check.ts';
import { systemClock, type Clock } from '../../shared/clock.ts';
import { isWaybillError } from '../../shared/errors.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { numberInRange } from '../../shared/options.ts';
import type { Access } from '../../shared/events/schema.ts';
import type { Secret } from '../../shared/secret.ts';
import { toStores, type Store, type Stores, type StoresOptions } from '../../shared/stores.ts';
import { checkTtl } from '../../shared/url-ttl.ts';
import { authoriseByTable, type Authorise, type CallerTable } from './authorise.ts';
import { mapBounded } from './map-bounded.ts';
import { createRateLimiter, type RateLimitOptions } from './rate-limit.ts';
import { refusals, type RedeemResult, type Refusal } from './result.ts';

/** Who may have what: a function, or a table. */
type Authorisation =
  | { readonly authorise: Authorise; readonly callers?: undefined }
  | { readonly callers: CallerTable; readonly authorise?: undefined };

/** A version of an object. */
export interface ObjectVersion {
  readonly key: string;
  readonly versionId: string;
}

/** What one store must be asked, and by what means. */
export interface StoreTools {
  /**
   * Whether a version is there, and not revoked; one call.
   * @throws whatever is wrong with the store or the credentials
   */
  state(object: ObjectVersion, signal: AbortSignal | undefined): Promise<'present' | 'revoked' | 'missing'>;
  /** Signs a GET URL for a caller. */
  presign(request: ObjectVersion & { readonly ttlSeconds: number; readonly caller: string }): Promise<Access>;
}

/** A URL service's options, but for how it reaches S3. */
export type UrlServiceCoreOptions = Authorisation & {
  readonly stores: StoresOptions | Stores;
  /** Holds public keys only. */
  readonly verifier: ClaimCheckVerifier;
  /** Life of the URLs, 1 to 604,800 s; the signer's session may shorten it. @default 900 */
  readonly urlTtlSeconds?: number;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default silentLogger */
  readonly logger?: Logger;
  /** @default - no limit */
  readonly rateLimit?: RateLimitOptions;
  /** Most claim checks of one call, 1 to 1000. @default 100 */
  readonly maxItems?: number;
  /** Items of one call under way at once, 1 to 100. @default 8 */
  readonly parallelism?: number;
};

/** Turns claim checks into fresh URLs. */
export interface UrlService {
  readonly maxItems: number;
  /** The service's clock, ISO. */
  serverTime(): string;
  /**
   * Answers each claim check by itself, in order.
   * @param caller the authenticated identity; a claim check alone is never enough
   * @throws {RangeError} when there are more than `maxItems`
   * @throws the signal's reason, when it aborts
   */
  redeem(
    claimChecks: readonly (string | Secret)[],
    caller: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<RedeemResult[]>;
}

/**
 * Makes a URL service.
 *
 * For each claim check, in this order: rate of the caller, signature, authorisation — all before S3 is touched, and
 * every failure of the latter two is one and the same 403 — then the end of retention (410), then one call to S3
 * for existence (404) and revocation (410), then a URL. What is wrong with S3 or the credentials is 503.
 * One line of log per item tells who asked for what, and the outcome.
 *
 * @throws {TypeError} {RangeError} naming the option that is wrong
 */
export function createUrlServiceCore(
  options: UrlServiceCoreOptions & { readonly toolsFor: (store: Store) => StoreTools },
): UrlService {
  const { verifier, clock = systemClock } = options;
  const stores = toStores(options.stores);
  const authorise = options.authorise ?? authoriseByTable(options.callers);
  const logger = redactingLogger(options.logger ?? silentLogger);
  const ttlSeconds = checkTtl('urlTtlSeconds', options.urlTtlSeconds);
  const maxItems = numberInRange('maxItems', options.maxItems ?? 100, { min: 1, max: 1000 });
  const parallelism = numberInRange('parallelism', options.parallelism ?? 8, { min: 1, max: 100 });
  const take = options.rateLimit === undefined ? () => true : createRateLimiter(options.rateLimit, clock);
  const tools = toolsByStore(stores, options.toolsFor);
  const serverTime = (): string => new Date(clock.nowMs()).toISOString();

  const refuse = (refusal: Refusal, fields: object): RedeemResult => {
    const level = refusal.status === 503 ? 'error' : refusal.status === 403 ? 'warn' : 'info';
    logger[level]({ ...fields, outcome: refusal.error }, 'claim check refused');
    return { ...refusal, serverTime: serverTime() };
  };

  const admit = async (
    jws: string | Secret,
    caller: string,
  ): Promise<VerifiedClaimCheck | { reason: string }> => {
    try {
      const claims = await verifier.verify(jws);
      const { type, iss: issuer, key, store } = claims;
      if (!authorise(caller, { type, issuer, key, store })) return { reason: 'caller not authorised' };
      return stores.names.includes(store) ? claims : { reason: 'store not configured' };
    } catch (error) {
      if (isWaybillError(error)) return { reason: error.message };
      throw error;
    }
  };

  const redeemOne = async (
    jws: string | Secret,
    caller: string,
    signal: AbortSignal | undefined,
  ): Promise<RedeemResult> => {
    if (!take(caller)) return refuse(refusals.rateLimited, { caller });
    const claims = await admit(jws, caller);
    if ('reason' in claims) return refuse(refusals.forbidden, { caller, reason: claims.reason });
    const { iss, kid, eventId, store: name, key, versionId, size, digest } = claims;
    const audit = { caller, iss, kid, eventId, store: name, key, versionId };
    if (claims.expired) return refuse(refusals.gone, audit);
    try {
      const store = tools(name);
      const state = await store.state({ key, versionId }, signal);
      if (state === 'missing') return refuse(refusals.notFound, audit);
      if (state === 'revoked') return refuse(refusals.revoked, audit);
      const access = await store.presign({ key, versionId, ttlSeconds, caller });
      logger.info({ ...audit, outcome: 'granted', expiresAt: access.expiresAt }, 'claim check redeemed');
      return { status: 200, access, versionId, size, digest, serverTime: serverTime() };
    } catch (error) {
      signal?.throwIfAborted();
      return refuse(refusals.unavailable, { ...audit, error });
    }
  };

  return {
    maxItems,
    serverTime,
    async redeem(claimChecks, caller, { signal } = {}) {
      if (claimChecks.length > maxItems)
        throw new RangeError(`claimChecks: got ${claimChecks.length}, expected at most ${maxItems}`);
      return await mapBounded(claimChecks, parallelism, async (jws) => {
        signal?.throwIfAborted();
        return await redeemOne(jws, caller, signal);
      });
    },
  };
}

function toolsByStore(stores: Stores, toolsFor: (store: Store) => StoreTools): (name: string) => StoreTools {
  const known = new Map<string, StoreTools>();
  return (name) => {
    const existing = known.get(name);
    if (existing !== undefined) return existing;
    const made = toolsFor(stores.get(name));
    known.set(name, made);
    return made;
  };
}
