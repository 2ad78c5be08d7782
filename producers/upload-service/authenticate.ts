import { createRemoteJWKSet, importJWK, jwtVerify, type JWK, type JWTPayload } from 'jose';
import { nonEmptyString, show } from '../../shared/options.ts';
import { principalOfArn } from '../iam-principal.ts';
import type { UploadRequest } from './http.ts';

/** Who uploads: whatever tells one person or system from another. */
export interface UploadIdentity {
  /** Owns what it uploads. */
  readonly owner: string;
  /** What else is known of it, for `authorise`. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Says who sent a request, undefined for a stranger. What it throws is an outage, not a refusal. */
export type Authenticate = (request: UploadRequest) => Promise<UploadIdentity | undefined>;

/** Signature algorithms taken: asymmetric ones, and HS256 only with a key that is one. @see https://www.rfc-editor.org/rfc/rfc8725#section-3.1 */
const ALGORITHMS = ['EdDSA', 'ES256', 'ES384', 'RS256', 'PS256'];

export interface JwtAuthenticatorOptions {
  readonly issuer: string;
  readonly audience: string;
  /** The issuer's public keys: where they are served, or the keys themselves; a JWK of kty `oct` for HS256. */
  readonly keys: URL | readonly JWK[];
  /** Claim that names the owner. @default 'sub' */
  readonly ownerClaim?: string;
  /** Seconds by which clocks may differ. @default 30 */
  readonly clockToleranceSeconds?: number;
  /** @default the machine's clock */
  readonly nowMs?: () => number;
}

/**
 * Authenticates by a bearer JWT (RFC 6750, RFC 8725): signature, issuer, audience, `exp`.
 * @throws {TypeError} naming the option that is wrong
 */
export function jwtAuthenticator(options: JwtAuthenticatorOptions): Authenticate {
  const issuer = nonEmptyString('issuer', options.issuer);
  const audience = nonEmptyString('audience', options.audience);
  const { keys, ownerClaim = 'sub', clockToleranceSeconds: clockTolerance = 30 } = options;
  const verify = keys instanceof URL ? verifierOf(keys) : verifierOf(keys);
  return async ({ headers }) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(headers['authorization'] ?? '')?.[1];
    if (token === undefined) return undefined;
    const currentDate = options.nowMs === undefined ? {} : { currentDate: new Date(options.nowMs()) };
    const rules = { issuer, audience, clockTolerance, requiredClaims: ['exp', ownerClaim], ...currentDate };
    const claims = await verify(token, rules);
    const owner = claims?.[ownerClaim];
    if (claims === undefined || typeof owner !== 'string' || owner === '') return undefined;
    return { owner: `${issuer}|${owner}`, claims };
  };
}

export interface IamAuthenticatorOptions {
  /** ARNs of the IAM roles and users that may upload. A session counts as its role, whatever its name. */
  readonly principals: readonly string[];
}

/**
 * Authenticates by IAM behind a function URL or an API that has verified the signature (SigV4): the role or user owns
 * what any session of it uploads, and is `aws:<account>:role/<name>` in records. Who is not listed is a stranger.
 * Only for `uploadServiceLambda`: the local server knows no principals, so there everybody is a stranger.
 * @throws {TypeError} naming the ARN that is wrong
 */
export function iamAuthenticator(options: IamAuthenticatorOptions): Authenticate {
  const known = new Set(
    options.principals.map((arn, index) => {
      const principal = principalOfArn(arn);
      if (principal !== undefined) return principal;
      throw new TypeError(`principals.${index}: got ${show(arn)}, expected the ARN of an IAM role or user`);
    }),
  );
  return ({ principal: arn = '' }) => {
    const owner = principalOfArn(arn);
    return Promise.resolve(owner !== undefined && known.has(owner) ? { owner } : undefined);
  };
}

type Verify = (
  token: string,
  rules: NonNullable<Parameters<typeof jwtVerify>[2]>,
) => Promise<JWTPayload | undefined>;

function verifierOf(keys: URL | readonly JWK[]): Verify {
  if (keys instanceof URL) {
    const set = createRemoteJWKSet(keys);
    return async (token, rules) => {
      try {
        return (await jwtVerify(token, set, { ...rules, algorithms: ALGORITHMS })).payload;
      } catch (error) {
        if (isRefusal(error)) return undefined;
        throw error;
      }
    };
  }
  if (keys.length === 0) throw new TypeError('keys: got none, expected at least one JWK');
  return async (token, rules) => {
    for (const jwk of keys) {
      const algorithms = jwk.kty === 'oct' ? ['HS256'] : ALGORITHMS;
      const key = await importJWK(jwk, jwk.alg ?? (jwk.kty === 'oct' ? 'HS256' : undefined));
      try {
        return (await jwtVerify(token, key, { ...rules, algorithms })).payload;
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    }
    return undefined;
  };
}

/** jose's errors of tokens and keys; a key set that cannot be fetched is none of them. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TypeError) return true; // a key of another kind than the token's algorithm
  const code = (error as { code?: unknown }).code;
  return (
    typeof code === 'string' && /^ERR_(?:JW[TS]_|JOSE_ALG|JOSE_NOT_SUPPORTED|JWKS_NO_MATCHING_KEY)/.test(code)
  );
}
