const SHA256_MEMBER = /(?:^|,\s*)sha-256=:([A-Za-z0-9+/]{43}=):(?:,|$)/;

/**
 * RFC 9530 text of a SHA-256: `sha-256=:BASE64:`.
 * @see https://www.rfc-editor.org/rfc/rfc9530#section-2
 */
export function formatDigest(sha256: Uint8Array): string {
  return `sha-256=:${Buffer.from(sha256).toString('base64')}:`;
}

/**
 * The SHA-256 (32 bytes) in RFC 9530 text; other members of the dictionary are passed over.
 * @throws {TypeError} when there is none
 */
export function parseDigest(text: string): Buffer {
  const base64 = SHA256_MEMBER.exec(text)?.[1];
  if (base64 === undefined)
    throw new TypeError(`digest: got ${JSON.stringify(text.slice(0, 80))}, expected sha-256=:BASE64:`);
  return Buffer.from(base64, 'base64');
}

/** True if two RFC 9530 texts name the same SHA-256. */
export function sameDigest(a: string, b: string): boolean {
  return parseDigest(a).equals(parseDigest(b));
}
