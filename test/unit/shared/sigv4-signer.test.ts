import { createHash, createHmac, type BinaryLike } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, it } from 'vitest';
import { EMPTY_SHA256, UNSIGNED_PAYLOAD, uriEncode } from '../../../shared/sigv4-encoding.ts';
import { createSigV4Signer, type SignableRequest } from '../../../shared/sigv4-signer.ts';
import { verifySigV4 } from '../../../shared/sigv4.ts';

const identity = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const nowMs = Date.parse('2013-05-24T00:00:00Z');

/** What the SDK's signer hashes with. */
class Sha256 {
  readonly #hash;
  constructor(key?: BinaryLike) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  }
  update(data: BinaryLike): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

const path = (key: string): string => `/b/${key.split('/').map(uriEncode).join('/')}`;

describe('createSigV4Signer', () => {
  it("signs the documentation's example", () => {
    const { authorization } = createSigV4Signer('s3', 'us-east-1').sign(
      {
        method: 'GET',
        path: '/test.txt',
        headers: { host: 'examplebucket.s3.amazonaws.com', range: 'bytes=0-9' },
        payloadHash: EMPTY_SHA256,
      },
      identity,
      nowMs,
    );
    expect(authorization).toContain(
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });

  it.each<[string, SignableRequest, object]>([
    [
      'a part',
      {
        method: 'PUT',
        path: path("a b/c+d(1)'!*~ü/.././x.bin"),
        query: [
          ['uploadId', 'a/b+c=='],
          ['partNumber', '7'],
        ],
        headers: { host: 'h:1', 'content-length': '5', 'x-amz-checksum-crc32c': 'AAAAAA==' },
        payloadHash: UNSIGNED_PAYLOAD,
      },
      {},
    ],
    [
      'a request without a value to its parameter, of a session',
      {
        method: 'POST',
        path: path('k'),
        query: [['uploads', '']],
        headers: { host: 'h', 'content-type': ' text/plain;  charset=utf-8 ', 'if-none-match': '*' },
        payloadHash: EMPTY_SHA256,
      },
      { sessionToken: 'to/ken+=' },
    ],
  ])('signs %s exactly as the SDK does', async (_, request, session) => {
    const who = { ...identity, ...session };
    const ours = createSigV4Signer('s3', 'eu-central-1').sign(request, who, nowMs);
    const sdk = new SignatureV4({
      service: 's3',
      region: 'eu-central-1',
      credentials: who,
      sha256: Sha256 as never,
      uriEscapePath: false,
      applyChecksum: true,
    });
    const theirs = await sdk.sign(
      {
        method: request.method,
        protocol: 'http:',
        hostname: 'h',
        path: request.path,
        query: Object.fromEntries(request.query ?? []),
        headers: { ...request.headers, 'x-amz-content-sha256': request.payloadHash },
      },
      { signingDate: new Date(nowMs) },
    );
    expect(ours).toEqual(theirs.headers);
  });

  it('signs what the verifier accepts, on the day after too, and under another key', () => {
    const signer = createSigV4Signer('s3', 'us-east-1');
    const headers = { host: 'h' };
    for (const [secretAccessKey, atMs] of [
      ['one', nowMs],
      ['one', nowMs + 1000],
      ['one', nowMs + 86_400_000],
      ['two', nowMs + 86_400_000],
    ] as const) {
      const request = { method: 'PUT', path: path('k'), headers, payloadHash: UNSIGNED_PAYLOAD };
      const signed = signer.sign(request, { accessKeyId: 'a', secretAccessKey }, atMs);
      const verdict = verifySigV4(
        { method: 'PUT', path: request.path, query: '', headers: signed },
        { service: 's3', nowMs: atMs, secretFor: () => ({ secretAccessKey }) },
      );
      expect(verdict.ok).toBe(true);
    }
  });
});
