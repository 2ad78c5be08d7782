import * as z from 'zod';
import { sameDigest } from './digest.ts';
import { ClaimCheckError } from './errors.ts';
import { attachmentSchema, type Attachment } from './events/schema.ts';
import { show } from './options.ts';
import type { Secret } from './secret.ts';

/** Longest claim check that is read, in characters; the event's schema has the same bound. */
const MAX_CLAIM_CHECK_CHARS = 8192;

/** What a claim check says: this producer named this payload in this event. */
export interface ClaimCheckClaims {
  readonly eventId: string;
  readonly attachmentId: string;
  /** The event's type, EventBridge's DetailType. */
  readonly type: string;
  /** Logical store name. */
  readonly store: string;
  readonly key: string;
  readonly versionId: string;
  /** In bytes. */
  readonly size: number;
  /** RFC 9530 text, `sha-256=:BASE64:`. */
  readonly digest: string;
  /** ISO instant; travels as `exp`, in seconds, rounded up. */
  readonly retainUntil: string;
}

const { shape } = attachmentSchema;

/** Latest instant that a Date can hold, in seconds since the epoch. @see https://tc39.es/ecma262/#sec-time-values-and-time-range */
const MAX_EPOCH_SECONDS = 8_640_000_000_000;

/** The JWT payload. Unknown claims are passed over, so that producers may be newer than the URL service. */
export const jwtPayloadSchema = z.object({
  iss: z.string().min(1).max(128),
  aud: z.string().min(1).max(256),
  exp: z.int().min(0).max(MAX_EPOCH_SECONDS),
  eventId: z.string().min(1).max(128),
  attachmentId: shape.id,
  type: z.string().min(1).max(128),
  store: shape.store,
  key: shape.key,
  versionId: shape.versionId,
  size: shape.size,
  digest: shape.digest,
});

/** The payload of a claim check as it stands in the JWS. */
export type JwtPayload = z.output<typeof jwtPayloadSchema>;

/**
 * Turns claims into the JWT payload.
 * @throws {TypeError} naming the claim that is missing or malformed: signing it would be the signer's mistake
 */
export function toJwtPayload(claims: ClaimCheckClaims, issuer: string, audience: string): JwtPayload {
  const { retainUntil, ...rest } = claims;
  const exp = Math.ceil(Date.parse(retainUntil) / 1000);
  if (Number.isNaN(exp))
    throw new TypeError(`claims.retainUntil: got ${show(retainUntil)}, expected an ISO instant`);
  const result = jwtPayloadSchema.safeParse({ iss: issuer, aud: audience, exp, ...rest });
  if (result.success) return result.data;
  throw new TypeError(`claims.${firstIssue(result.error)}`);
}

/** The claims of a JWT payload. */
export function fromJwtPayload(payload: JwtPayload): ClaimCheckClaims {
  const { eventId, attachmentId, type, store, key, versionId, size, digest, exp } = payload;
  const retainUntil = new Date(exp * 1000).toISOString();
  return { eventId, attachmentId, type, store, key, versionId, size, digest, retainUntil };
}

/**
 * Checks bytes that claim to be a JWT payload.
 * @throws {ClaimCheckError} naming the claim and what was expected, never the whole
 */
export function parseJwtPayload(bytes: Uint8Array): JwtPayload {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new ClaimCheckError('claim check: the payload is not JSON');
  }
  const result = jwtPayloadSchema.safeParse(json);
  if (result.success) return result.data;
  throw new ClaimCheckError(`claim check: claim ${firstIssue(result.error)}`);
}

/**
 * The three segments of a compact JWS.
 * @throws {ClaimCheckError} when it is not one, or too long
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-7.1
 */
export function splitJws(jws: Secret | string): { text: string; header: Buffer; payload: Buffer } {
  const text = typeof jws === 'string' ? jws : jws.reveal();
  const match = text.length > MAX_CLAIM_CHECK_CHARS ? null : /^([\w-]+)\.([\w-]+)\.[\w-]+$/.exec(text);
  if (match === null) {
    throw new ClaimCheckError(
      `claim check: got ${text.length} characters, expected a compact JWS of at most ${MAX_CLAIM_CHECK_CHARS}`,
    );
  }
  const [, header = '', payload = ''] = match;
  return { text, header: Buffer.from(header, 'base64url'), payload: Buffer.from(payload, 'base64url') };
}

/**
 * Reads a claim check **without verifying it**: for showing, and for a consumer's plausibility check.
 * @throws {ClaimCheckError} when it cannot be read
 */
export function peekClaims(jws: Secret | string): ClaimCheckClaims & { readonly iss: string } {
  const payload = parseJwtPayload(splitJws(jws).payload);
  return { iss: payload.iss, ...fromJwtPayload(payload) };
}

/** What the claims of an event's attachment must be. */
export interface ExpectedClaims {
  readonly eventId: string;
  readonly type: string;
  readonly attachment: Pick<Attachment, 'id' | 'store' | 'key' | 'versionId' | 'size' | 'digest'>;
}

/**
 * Checks that claims speak of exactly this attachment of this event.
 * `retainUntil` is left out: a replay may name a longer retention than the claim check did.
 * @throws {ClaimCheckError} naming the claim, what it is and what was expected
 */
export function assertClaimsMatch(claims: ClaimCheckClaims, expected: ExpectedClaims): void {
  const { eventId, type, attachment } = expected;
  const { id: attachmentId, store, key, versionId, size, digest } = attachment;
  const wanted = { eventId, type, attachmentId, store, key, versionId, size };
  for (const name of Object.keys(wanted) as (keyof typeof wanted)[]) {
    if (claims[name] !== wanted[name]) throw mismatch(name, claims[name], wanted[name]);
  }
  if (!sameDigest(claims.digest, digest)) throw mismatch('digest', claims.digest, digest);
}

function mismatch(name: string, got: unknown, expected: unknown): ClaimCheckError {
  return new ClaimCheckError(`claim check: claim ${name} is ${show(got)}, expected ${show(expected)}`, {
    details: { claim: name },
  });
}

/** `path: message` of the first thing wrong. */
export function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
}
