import { describe, expect, it } from 'vitest';
import { AwsChunkedDecoder } from '../../../../local/s3/aws-chunked.ts';
import type { SigV4Success } from '../../../../shared/sigv4.ts';
import { deriveSigningKey } from '../../../../shared/sigv4-encoding.ts';

// The chunked upload that the S3 documentation signs: 65 KiB of "a" in chunks of 64 KiB and 1 KiB.
const seed = {
  amzDate: '20130524T000000Z',
  scope: '20130524/us-east-1/s3/aws4_request',
  signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  signingKey: deriveSigningKey('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', '20130524', 'us-east-1', 's3'),
} as SigV4Success;
const signed = [
  '10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n',
  'a'.repeat(65_536),
  '\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n',
  'a'.repeat(1024),
  '\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n',
].join('');

function decode(decoder: AwsChunkedDecoder, text: string, step: number): string {
  const input = Buffer.from(text);
  const out: Buffer[] = [];
  for (let at = 0; at < input.length; at += step) out.push(...decoder.decode(input.subarray(at, at + step)));
  decoder.finish();
  return Buffer.concat(out).toString();
}

describe('AwsChunkedDecoder', () => {
  it.each([1, 7, 1000, 1_000_000])("accepts the documentation's chunks in pieces of %i bytes", (step) => {
    const decoder = new AwsChunkedDecoder({ seed, trailers: false });
    expect(decode(decoder, signed, step)).toBe('a'.repeat(66_560));
  });

  it('fails for a changed byte or signature, and for a missing end', () => {
    const attempt = (text: string) => () =>
      decode(new AwsChunkedDecoder({ seed, trailers: false }), text, 4096);
    expect(attempt(signed.replace('\r\naaa', '\r\naab'))).toThrow(/signature/);
    expect(attempt(signed.replace('=0055', '=0056'))).toThrow(/signature/);
    expect(attempt(signed.replaceAll(/;chunk-signature=[0-9a-f]+/g, ''))).toThrow(/signature/);
    expect(attempt(signed.slice(0, 70_000 - 4000))).toThrow(/well-formed/);
  });

  it('reads unsigned trailers', () => {
    const decoder = new AwsChunkedDecoder({ trailers: true });
    expect(decode(decoder, '3\r\nabc\r\n0\r\nX-Amz-Checksum-Crc32: AAAA\r\n\r\n', 2)).toBe('abc');
    expect(decoder.trailers.get('x-amz-checksum-crc32')).toBe('AAAA');
  });

  it.each(['zz\r\n', '3\r\nabcd\r\n', '3 \r\nabc', '1'.repeat(20_000)])(
    'fails for bad framing %#',
    (text) => {
      expect(() => decode(new AwsChunkedDecoder({ trailers: false }), text, 4096)).toThrow(/well-formed/);
    },
  );
});
