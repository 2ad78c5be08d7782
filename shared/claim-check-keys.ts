import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import * as z from 'zod';
import { firstIssue } from './claim-check-claims.ts';
import { show } from './options.ts';
import { isPrefix, normalisePrefix } from './key-prefix.ts';

/** Key in the control bucket under which the URL service finds the producers' public keys. */
export const PRODUCER_KEYS_KEY = 'keys/producers.json';

const name = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/, 'expected 1 to 128 characters of A-Z a-z 0-9 . _ -');

const PUBLIC_KEY_EXPECTED = 'expected an Ed25519 public key as JWK (kty OKP, crv Ed25519, x) or SPKI PEM';

const publicJwk = z.looseObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(/^[\w-]{43}$/, 'expected 32 bytes in base64url'),
  d: z.undefined('expected a public key, got a private one').optional(),
});

const producerKeySchema = z.strictObject({
  kid: name,
  issuer: name,
  prefixes: z
    .array(z.string().refine(isPrefix, 'expected a key prefix such as payloads/<producer>/'))
    .min(1)
    .optional(),
  publicKey: z.union([publicJwk, z.string().startsWith('-----BEGIN PUBLIC KEY-----', PUBLIC_KEY_EXPECTED)], {
    error: (issue) => describeKeyIssue(issue.input),
  }),
  notAfter: z.iso.datetime({ offset: true }).optional(),
});

const signingKeySchema = z.strictObject({
  kid: name,
  issuer: name,
  privateKey: publicJwk.extend({ d: z.string().regex(/^[\w-]{43}$/, 'expected 32 bytes in base64url') }),
});

/** A public key of a producer, as the URL service holds it. Several keys of one issuer make a rotation. */
export interface ProducerKey {
  readonly kid: string;
  /** The producer. */
  readonly issuer: string;
  /** Key prefixes whose payloads the issuer may name; whole segments. @default ['payloads/<issuer>/'] */
  readonly prefixes?: readonly string[] | undefined;
  /** Ed25519, as a JWK (RFC 8037) or SPKI PEM. A private key is refused. */
  readonly publicKey: JWK | string;
  /**
   * ISO instant from which this key verifies nothing any more. Let it lie beyond the last `retainUntil` that
   * was signed with it. A key that leaked is taken off the list instead.
   * @default - never
   */
  readonly notAfter?: string | undefined;
}

/** A producer key with everything worked out. */
export interface ResolvedProducerKey {
  readonly kid: string;
  readonly issuer: string;
  readonly prefixes: readonly string[];
  readonly publicKey: KeyObject;
  readonly notAfterMs: number;
}

/** Content of a signing key file: the producer's half. Keep it 0600. */
export interface SigningKeyFile {
  readonly kid: string;
  readonly issuer: string;
  /** Ed25519 with `d`. @see https://www.rfc-editor.org/rfc/rfc8037#section-2 */
  readonly privateKey: JWK;
}

/**
 * Checks producer keys and fills in their defaults.
 * @throws {TypeError} naming the key, the field and what was expected; also when two keys have one kid
 */
export function resolveProducerKeys(keys: readonly ProducerKey[]): ReadonlyMap<string, ResolvedProducerKey> {
  const resolved = new Map<string, ResolvedProducerKey>();
  for (const [index, key] of checkList(keys).entries()) {
    const { kid, issuer, notAfter } = key;
    if (resolved.has(kid))
      throw new TypeError(`keys.${index}.kid: got ${show(kid)} twice, expected kids that differ`);
    resolved.set(kid, {
      kid,
      issuer,
      prefixes: (key.prefixes ?? [`payloads/${issuer}/`]).map((prefix) => normalisePrefix(prefix)),
      publicKey: toPublicKey(`keys.${index}.publicKey`, key.publicKey),
      notAfterMs: notAfter === undefined ? Number.POSITIVE_INFINITY : Date.parse(notAfter),
    });
  }
  return resolved;
}

/**
 * Makes an Ed25519 key pair for a producer.
 * @param options.kid @default the issuer and eight random hex digits
 * @returns the signing key file's content for the producer, the public half for the URL service's list
 */
export function generateProducerKey(options: { readonly issuer: string; readonly kid?: string }): {
  readonly signingKey: SigningKeyFile;
  readonly producerKey: ProducerKey;
} {
  const { issuer } = options;
  const kid = options.kid ?? `${issuer.slice(0, 100)}-${randomBytes(4).toString('hex')}`;
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const signingKey = { kid, issuer, privateKey: privateKey.export({ format: 'jwk' }) as JWK };
  const producerKey = {
    kid,
    issuer,
    prefixes: [`payloads/${issuer}/`],
    publicKey: publicKey.export({ format: 'jwk' }) as JWK,
  };
  checkList([producerKey]);
  return { signingKey, producerKey };
}

/** JSON text of a signing key file. It holds the private key: write it 0600, never log it. */
export function serialiseSigningKey(file: SigningKeyFile): string {
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * Parses a signing key file.
 * @throws {TypeError} naming field and expectation; the content is not shown
 */
export function parseSigningKey(text: string): SigningKeyFile {
  const result = signingKeySchema.safeParse(parseJson('signing key file', text));
  if (result.success) return result.data;
  throw new TypeError(`signing key file: ${firstIssue(result.error)}`);
}

/** JSON text of a list of producer keys: public, so any reader may have it. */
export function serialiseProducerKeys(keys: readonly ProducerKey[]): string {
  return `${JSON.stringify(keys, null, 2)}\n`;
}

/**
 * Parses a list of producer keys.
 * @throws {TypeError} naming the key, the field and what was expected
 */
export function parseProducerKeys(text: string): ProducerKey[] {
  return checkList(parseJson('producer key file', text));
}

/**
 * An Ed25519 private key from a KeyObject, a JWK or PKCS #8 PEM.
 * @throws {TypeError} when it is something else
 */
export function toPrivateKey(field: string, key: KeyObject | JWK | string): KeyObject {
  return ed25519(field, 'private', () => {
    if (key instanceof KeyObject) return key;
    return typeof key === 'string'
      ? createPrivateKey(key)
      : createPrivateKey({ key: key as Record<string, string>, format: 'jwk' });
  });
}

function toPublicKey(field: string, key: JWK | string): KeyObject {
  return ed25519(field, 'public', () =>
    typeof key === 'string'
      ? createPublicKey(key)
      : createPublicKey({ key: key as Record<string, string>, format: 'jwk' }),
  );
}

function ed25519(field: string, type: 'private' | 'public', load: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = load();
  } catch {
    // The cause is left out: its message may quote the key.
    throw new TypeError(`${field}: got something unreadable, expected an Ed25519 ${type} key as JWK or PEM`);
  }
  if (key.type === type && key.asymmetricKeyType === 'ed25519') return key;
  throw new TypeError(
    `${field}: got a ${key.type} key of type ${key.asymmetricKeyType ?? 'secret'}, expected an Ed25519 ${type} key`,
  );
}

function checkList(value: unknown): ProducerKey[] {
  const result = z.array(producerKeySchema).safeParse(value);
  if (!result.success) throw new TypeError(`keys.${firstIssue(result.error)}`);
  return result.data as ProducerKey[];
}

function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError(`${what}: got text that is not JSON`);
  }
}

function describeKeyIssue(input: unknown): string {
  if (typeof input === 'object' && input !== null && 'd' in input)
    return 'expected a public key, got a private one';
  return PUBLIC_KEY_EXPECTED;
}
