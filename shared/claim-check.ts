import type { KeyObject } from 'node:crypto';
import { CompactSign, compactVerify, type JWK } from 'jose';
import * as z from 'zod';
import {
  fromJwtPayload,
  parseJwtPayload,
  splitJws,
  toJwtPayload,
  type ClaimCheckClaims,
} from './claim-check-claims.ts';
import {
  resolveProducerKeys,
  toPrivateKey,
  type ProducerKey,
  type ResolvedProducerKey,
} from './claim-check-keys.ts';
import { systemClock, type Clock } from './clock.ts';
import { ClaimCheckError } from './errors.ts';
import { isUnderPrefix } from './key-prefix.ts';
import { nonEmptyString, show } from './options.ts';
import { Secret } from './secret.ts';

export {
  assertClaimsMatch,
  peekClaims,
  type ClaimCheckClaims,
  type ExpectedClaims,
} from './claim-check-claims.ts';
export {
  generateProducerKey,
  parseProducerKeys,
  parseSigningKey,
  serialiseProducerKeys,
  serialiseSigningKey,
  type ProducerKey,
  type SigningKeyFile,
} from './claim-check-keys.ts';

/** The one algorithm, Ed25519. The header's `alg` is compared with it, never obeyed. @see https://www.rfc-editor.org/rfc/rfc8037#section-3.1 */
const ALGORITHM = 'EdDSA';
/** Explicit typing, so that no other JWT of the same key passes. @see https://www.rfc-editor.org/rfc/rfc8725#section-3.11 */
const TYPE = 'waybill-claim-check+jwt';
/** Audience where nobody says otherwise. */
export const DEFAULT_AUDIENCE = 'waybill';

/** Signs claim checks for one producer. */
export interface ClaimCheckSigner {
  readonly issuer: string;
  readonly kid: string;
  /**
   * Same claims, same claim check: Ed25519 is deterministic and no time of signing is kept.
   * @throws {TypeError} naming the claim that is missing or malformed
   */
  sign(claims: ClaimCheckClaims): Promise<Secret>;
}

export interface ClaimCheckSignerOptions {
  /** The producer's name. */
  readonly issuer: string;
  /** @default 'waybill' */
  readonly audience?: string;
  /** Which of the issuer's keys this is. */
  readonly kid: string;
  /** Ed25519: KeyObject, JWK or PKCS #8 PEM. */
  readonly privateKey: KeyObject | JWK | string;
}

/**
 * Makes a signer of claim checks.
 * @throws {TypeError} naming the option that is wrong; the key is never shown
 */
export function createClaimCheckSigner(options: ClaimCheckSignerOptions): ClaimCheckSigner {
  const issuer = nonEmptyString('issuer', options.issuer);
  const kid = nonEmptyString('kid', options.kid);
  const audience = nonEmptyString('audience', options.audience ?? DEFAULT_AUDIENCE);
  const privateKey = toPrivateKey('privateKey', options.privateKey);
  return {
    issuer,
    kid,
    async sign(claims) {
      const payload = JSON.stringify(toJwtPayload(claims, issuer, audience));
      const jws = await new CompactSign(new TextEncoder().encode(payload))
        .setProtectedHeader({ alg: ALGORITHM, kid, typ: TYPE })
        .sign(privateKey);
      return new Secret(jws);
    },
  };
}

/** A claim check whose signature and rights were found good. */
export interface VerifiedClaimCheck extends ClaimCheckClaims {
  /** The producer that signed. */
  readonly iss: string;
  readonly kid: string;
  /** `exp`, epoch milliseconds. */
  readonly expiresAtMs: number;
  /** The payload's retention is over. Not an error: the signature is good, the answer is "gone". */
  readonly expired: boolean;
}

export interface ClaimCheckVerifier {
  /**
   * @throws {ClaimCheckError} unknown or retired kid, bad signature, another algorithm, type, audience or issuer,
   * a key outside the issuer's prefixes, malformed claims
   */
  verify(jws: Secret | string): Promise<VerifiedClaimCheck>;
}

export interface ClaimCheckVerifierOptions {
  readonly keys: readonly ProducerKey[];
  /** @default 'waybill' */
  readonly audience?: string;
  /** @default systemClock */
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/** Nothing but these three: no `crit`, no key of the sender's choosing (`jwk`, `jku`, `x5u`). */
const headerSchema = z.strictObject({
  alg: z.literal(ALGORITHM),
  typ: z.literal(TYPE),
  kid: z.string().min(1).max(128),
});

/**
 * Makes a verifier of claim checks.
 * @throws {TypeError} naming the key and field that are wrong
 */
export function createClaimCheckVerifier(options: ClaimCheckVerifierOptions): ClaimCheckVerifier {
  const keys = resolveProducerKeys(options.keys);
  const audience = nonEmptyString('audience', options.audience ?? DEFAULT_AUDIENCE);
  const clock = options.clock ?? systemClock;
  return {
    async verify(jws) {
      const { text, header } = splitJws(jws);
      const key = keyFor(parseHeader(header), keys, clock.nowMs());
      const payload = parseJwtPayload(await verifySignature(text, key));
      if (payload.iss !== key.issuer) throw mismatch('iss', payload.iss, key.issuer);
      if (payload.aud !== audience) throw mismatch('aud', payload.aud, audience);
      if (!key.prefixes.some((prefix) => isUnderPrefix(payload.key, prefix))) {
        throw mismatch('key', payload.key, `a key under ${key.prefixes.join(' or ')}`);
      }
      const expiresAtMs = payload.exp * 1000;
      return {
        ...fromJwtPayload(payload),
        iss: payload.iss,
        kid: key.kid,
        expiresAtMs,
        expired: clock.nowMs() >= expiresAtMs,
      };
    },
  };
}

function parseHeader(bytes: Buffer): z.output<typeof headerSchema> {
  try {
    return headerSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    throw new ClaimCheckError(
      `claim check: expected a header of alg ${ALGORITHM}, typ ${TYPE} and a kid only`,
    );
  }
}

function keyFor(
  { kid }: { kid: string },
  keys: ReadonlyMap<string, ResolvedProducerKey>,
  nowMs: number,
): ResolvedProducerKey {
  const key = keys.get(kid);
  if (key === undefined) throw new ClaimCheckError(`claim check: kid ${show(kid)} is not known`);
  if (nowMs >= key.notAfterMs) {
    const since = new Date(key.notAfterMs).toISOString();
    throw new ClaimCheckError(`claim check: kid ${show(kid)} is retired since ${since}`);
  }
  return key;
}

async function verifySignature(text: string, key: ResolvedProducerKey): Promise<Uint8Array> {
  try {
    return (await compactVerify(text, key.publicKey, { algorithms: [ALGORITHM] })).payload;
  } catch (error) {
    throw new ClaimCheckError(`claim check: the signature is not by kid ${show(key.kid)}`, { cause: error });
  }
}

function mismatch(claim: string, got: string, expected: string): ClaimCheckError {
  return new ClaimCheckError(`claim check: claim ${claim} is ${show(got)}, expected ${show(expected)}`, {
    details: { claim },
  });
}
