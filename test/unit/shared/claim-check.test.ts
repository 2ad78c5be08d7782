import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  assertClaimsMatch,
  createClaimCheckSigner,
  createClaimCheckVerifier,
  generateProducerKey,
  parseProducerKeys,
  parseSigningKey,
  peekClaims,
  serialiseProducerKeys,
  serialiseSigningKey,
  type ClaimCheckClaims,
} from '../../../shared/claim-check.ts';
import { ClaimCheckError } from '../../../shared/errors.ts';
import { Secret } from '../../../shared/secret.ts';

const claims: ClaimCheckClaims = {
  eventId: '018f3e2a-7c1b-7000-8000-000000000001',
  attachmentId: 'report',
  type: 'report.ready',
  store: 'payloads',
  key: 'payloads/billing/report.ready/e1/report',
  versionId: 'v1',
  size: 12,
  digest: `sha-256=:${'A'.repeat(43)}=:`,
  retainUntil: '2030-01-01T00:00:00.250Z',
};
const clock = { nowMs: () => Date.parse('2029-01-01T00:00:00Z') };
const pair = generateProducerKey({ issuer: 'billing', kid: 'k1' });
const signer = createClaimCheckSigner(pair.signingKey);
const verifier = createClaimCheckVerifier({ keys: [pair.producerKey], clock });

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const goodHeader = { alg: 'EdDSA', kid: 'k1', typ: 'waybill-claim-check+jwt' };

/** Signs whatever it is told to with the right key, unlike the signer. */
async function forge(header: object, change: (payload: Record<string, unknown>) => object): Promise<string> {
  const jws = (await signer.sign(claims)).reveal();
  const payload = JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()) as Record<
    string,
    unknown
  >;
  const input = `${encode(header)}.${encode(change(payload))}`;
  const key = { key: pair.signingKey.privateKey as Record<string, string>, format: 'jwk' as const };
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`;
}

describe('a claim check', () => {
  it('comes back verified, with its retention rounded up to a second', async () => {
    const verified = await verifier.verify(await signer.sign(claims));
    expect(verified).toEqual({
      ...claims,
      retainUntil: '2030-01-01T00:00:01.000Z',
      iss: 'billing',
      kid: 'k1',
      expiresAtMs: Date.parse('2030-01-01T00:00:01Z'),
      expired: false,
    });
  });

  it('is the same text for the same claims', async () => {
    expect((await signer.sign(claims)).reveal()).toBe((await signer.sign(claims)).reveal());
  });

  it('does not show itself', async () => {
    const secret = await signer.sign(claims);
    expect(`${String(secret)} ${JSON.stringify({ secret })} ${inspect({ secret })}`).not.toContain('eyJ');
  });

  it('is good but expired once the retention is over, to the second', async () => {
    const jws = await signer.sign(claims);
    const at = async (iso: string) =>
      (
        await createClaimCheckVerifier({
          keys: [pair.producerKey],
          clock: { nowMs: () => Date.parse(iso) },
        }).verify(jws)
      ).expired;
    expect(await at('2030-01-01T00:00:00.999Z')).toBe(false);
    expect(await at('2030-01-01T00:00:01.000Z')).toBe(true);
  });

  it('fails to be signed without a mandatory claim, naming it', async () => {
    await expect(signer.sign({ ...claims, versionId: '' })).rejects.toThrow(/^claims\.versionId/);
    await expect(signer.sign({ ...claims, retainUntil: 'soon' })).rejects.toThrow(
      'claims.retainUntil: got "soon", expected an ISO instant',
    );
  });
});

describe('verification fails', () => {
  const refuses = async (jws: string, message: RegExp, by = verifier): Promise<void> => {
    const error: unknown = await by.verify(jws).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ClaimCheckError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('eyJ');
  };

  it('on an unknown kid', async () => {
    await refuses(await forge({ ...goodHeader, kid: 'k9' }, (payload) => payload), /kid "k9" is not known/);
  });

  it('on a signature by another key under the same kid', async () => {
    const other = createClaimCheckSigner(generateProducerKey({ issuer: 'billing', kid: 'k1' }).signingKey);
    await refuses((await other.sign(claims)).reveal(), /the signature is not by kid "k1"/);
  });

  it('on a changed claim or a truncated signature', async () => {
    const [header, , signature] = (await signer.sign(claims)).reveal().split('.') as [string, string, string];
    const changed = encode({ ...claims, iss: 'billing', aud: 'waybill', exp: 1_900_000_000, size: 13 });
    await refuses(`${header}.${changed}.${signature}`, /signature/);
    await refuses((await signer.sign(claims)).reveal().slice(0, -8), /signature/);
  });

  it.each([
    ['none', 'none'],
    ['HS256', 'HS256'],
    ['RS256', 'RS256'],
    ['the name Ed25519', 'Ed25519'],
  ])('on alg %s', async (_, alg) => {
    await refuses(
      await forge({ ...goodHeader, alg }, (payload) => payload),
      /expected a header of alg EdDSA/,
    );
  });

  it('on an unsigned token and on an HMAC keyed with the public key', async () => {
    const payload = encode({ iss: 'billing' });
    await refuses(`${encode({ ...goodHeader, alg: 'none' })}.${payload}.`, /compact JWS/);
    await refuses(`${encode({ ...goodHeader, alg: 'none' })}.${payload}.AA`, /header/);
    const spki = createPublicKey({
      key: pair.producerKey.publicKey as Record<string, string>,
      format: 'jwk',
    }).export({ type: 'spki', format: 'pem' });
    for (const alg of ['HS256', 'EdDSA']) {
      const input = `${encode({ ...goodHeader, alg })}.${payload}`;
      const mac = createHmac('sha256', spki).update(input).digest('base64url');
      await refuses(`${input}.${mac}`, /header|signature/);
    }
  });

  it('on another type, and on further header parameters', async () => {
    await refuses(await forge({ ...goodHeader, typ: 'JWT' }, (payload) => payload), /header/);
    await refuses(await forge({ alg: 'EdDSA', kid: 'k1' }, (payload) => payload), /header/);
    const jwk = pair.producerKey.publicKey;
    await refuses(await forge({ ...goodHeader, jwk }, (payload) => payload), /header/);
    await refuses(await forge({ ...goodHeader, crit: ['b64'], b64: false }, (payload) => payload), /header/);
  });

  it('on another audience or issuer than the kid has', async () => {
    await refuses(
      await forge(goodHeader, (payload) => ({ ...payload, aud: 'other' })),
      /claim aud is "other", expected "waybill"/,
    );
    await refuses(
      await forge(goodHeader, (payload) => ({ ...payload, aud: ['waybill', 'other'] })),
      /claim aud/,
    );
    await refuses(
      await forge(goodHeader, (payload) => ({ ...payload, iss: 'hr' })),
      /claim iss is "hr", expected "billing"/,
    );
  });

  it.each([
    'payloads/hr/report.ready/e1/report',
    'payloads/billing-archive/x',
    'payloads/billing',
    'payloads/billing/',
    'payloads/billing/../hr/x',
    '/payloads/billing/x',
  ])('on the key %s, which is not under the prefix', async (key) => {
    await refuses(await forge(goodHeader, (payload) => ({ ...payload, key })), /claim key is/);
  });

  it.each([
    ['size', -1],
    ['size', '12'],
    ['digest', 'md5=:AAAA:'],
    ['versionId', undefined],
    ['exp', undefined],
    ['exp', 1e300],
    ['exp', 1.5],
  ])('on the malformed claim %s = %s', async (name, value) => {
    await refuses(
      await forge(goodHeader, (payload) => ({ ...payload, [name]: value })),
      new RegExp(`claim ${name}`),
    );
  });

  it('on what is no JWS at all, or far too long', async () => {
    await refuses('', /compact JWS/);
    await refuses('a.b', /compact JWS/);
    await refuses(`${'a'.repeat(9000)}.b.c`, /got 9004 characters/);
    await refuses('!!!.b.c', /compact JWS/);
    await refuses('AAAA.AAAA.AAAA', /header/);
  });
});

describe('keys', () => {
  it('rotate: several kids of one issuer verify side by side, until notAfter', async () => {
    const next = generateProducerKey({ issuer: 'billing', kid: 'k2' });
    const old = { ...pair.producerKey, notAfter: '2029-06-01T00:00:00Z' };
    const at = (iso: string) =>
      createClaimCheckVerifier({ keys: [old, next.producerKey], clock: { nowMs: () => Date.parse(iso) } });
    const oldCheck = await signer.sign(claims);
    const newCheck = await createClaimCheckSigner(next.signingKey).sign(claims);
    expect((await at('2029-05-31T23:59:59Z').verify(oldCheck)).kid).toBe('k1');
    expect((await at('2029-05-31T23:59:59Z').verify(newCheck)).kid).toBe('k2');
    await expect(at('2029-06-01T00:00:00Z').verify(oldCheck)).rejects.toThrow(/kid "k1" is retired/);
    expect((await at('2029-06-01T00:00:00Z').verify(newCheck)).kid).toBe('k2');
  });

  it('of one producer do not open the prefix of another', async () => {
    const hr = generateProducerKey({ issuer: 'hr', kid: 'hr1' });
    const both = createClaimCheckVerifier({ keys: [pair.producerKey, hr.producerKey], clock });
    const check = await createClaimCheckSigner(hr.signingKey).sign(claims);
    await expect(both.verify(check)).rejects.toThrow(/claim key is/);
  });

  it('may have prefixes of their own, with or without the slash', async () => {
    const keys = [{ ...pair.producerKey, prefixes: ['uploads', 'payloads/billing'] }];
    const check = await signer.sign({ ...claims, key: 'uploads/u1/file' });
    expect((await createClaimCheckVerifier({ keys, clock }).verify(check)).key).toBe('uploads/u1/file');
    const outside = await signer.sign({ ...claims, key: 'uploads2/u1/file' });
    await expect(createClaimCheckVerifier({ keys, clock }).verify(outside)).rejects.toThrow(ClaimCheckError);
  });

  it('come as KeyObject, JWK or PEM', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const reader = createClaimCheckVerifier({
      keys: [{ kid: 'k', issuer: 'billing', publicKey: publicPem }],
      clock,
    });
    for (const key of [privateKey, pem]) {
      const check = await createClaimCheckSigner({ issuer: 'billing', kid: 'k', privateKey: key }).sign(
        claims,
      );
      expect((await reader.verify(check)).kid).toBe('k');
    }
  });

  it('of another kind are refused, without being shown', () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const make = (privateKey: string) => createClaimCheckSigner({ issuer: 'a', kid: 'k', privateKey });
    expect(() => make(ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())).toThrow(
      'privateKey: got a private key of type ec, expected an Ed25519 private key',
    );
    expect(() => make('hunter2')).toThrow(/^privateKey: got something unreadable/);
  });

  it('survive their files, and a private one never gets into the public list', () => {
    expect(parseSigningKey(serialiseSigningKey(pair.signingKey))).toEqual(pair.signingKey);
    expect(parseProducerKeys(serialiseProducerKeys([pair.producerKey]))).toEqual([pair.producerKey]);
    expect(serialiseProducerKeys([pair.producerKey])).not.toContain('"d"');
    const leaked = JSON.stringify([{ ...pair.producerKey, publicKey: pair.signingKey.privateKey }]);
    expect(() => parseProducerKeys(leaked)).toThrow(
      'keys.0.publicKey: expected a public key, got a private one',
    );
  });

  it.each([
    ['not JSON', 'producer key file: got text that is not JSON'],
    ['{}', /^keys\./],
    ['[{"kid":"k","issuer":"a b","publicKey":"x"}]', /^keys\.0\.issuer: expected 1 to 128 characters/],
    ['[{"kid":"k","issuer":"a","publicKey":"x"}]', /^keys\.0\.publicKey: expected an Ed25519 public key/],
  ])('fail to be parsed from %s', (text, message) => {
    expect(() => parseProducerKeys(text)).toThrow(message);
  });

  it('fail on an empty prefix and on one kid twice', () => {
    expect(() => createClaimCheckVerifier({ keys: [{ ...pair.producerKey, prefixes: ['/'] }] })).toThrow(
      /prefixes\.0/,
    );
    expect(() => createClaimCheckVerifier({ keys: [pair.producerKey, pair.producerKey] })).toThrow(
      /"k1" twice/,
    );
  });
});

describe('unverified claims', () => {
  const { eventId, type, attachmentId: id, store, key, versionId, size, digest } = claims;
  const attachment = { id, store, key, versionId, size, digest };

  it('can be read, and match their attachment', async () => {
    const peeked = peekClaims(await signer.sign(claims));
    expect(peeked).toMatchObject({ iss: 'billing', eventId, key });
    expect(() => assertClaimsMatch(peeked, { eventId, type, attachment })).not.toThrow();
  });

  it('fail to match, naming the claim and both values', () => {
    expect(() =>
      assertClaimsMatch(claims, { eventId, type, attachment: { ...attachment, versionId: 'v2' } }),
    ).toThrow('claim check: claim versionId is "v1", expected "v2"');
    expect(() => assertClaimsMatch(claims, { eventId, type: 'x', attachment })).toThrow(/claim type/);
    const other = `sha-256=:${'B'.repeat(42)}A=:`;
    expect(() =>
      assertClaimsMatch(claims, { eventId, type, attachment: { ...attachment, digest: other } }),
    ).toThrow(/claim digest/);
  });

  it('fail to be read from something else', () => {
    expect(() => peekClaims(new Secret('a.b.c'))).toThrow(ClaimCheckError);
    expect(() => peekClaims('x')).toThrow(ClaimCheckError);
  });
});
