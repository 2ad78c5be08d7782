import { describe, expect, it } from 'vitest';
import { verifySigV4 } from '../../../shared/sigv4.ts';
import type { SigV4Options, SigV4Request } from '../../../shared/sigv4.ts';
import { EMPTY_SHA256, canonicalPath } from '../../../shared/sigv4-encoding.ts';

const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const signedAtMs = Date.parse('2013-05-24T00:00:00Z');
const options: SigV4Options = {
  service: 's3',
  region: 'us-east-1',
  nowMs: signedAtMs,
  secretFor: (id) => (id === 'AKIAIOSFODNN7EXAMPLE' ? { secretAccessKey } : undefined),
};

// The two requests that the S3 documentation signs.
const headerRequest: SigV4Request = {
  method: 'GET',
  path: '/test.txt',
  query: '',
  headers: {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': EMPTY_SHA256,
    'x-amz-date': '20130524T000000Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
};
const queryRequest: SigV4Request = {
  method: 'GET',
  path: '/test.txt',
  query:
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  headers: { host: 'examplebucket.s3.amazonaws.com' },
};

describe('verifySigV4', () => {
  it("accepts the documentation's signed header and signed query", () => {
    expect(verifySigV4(headerRequest, options)).toMatchObject({
      ok: true,
      authType: 'REST-HEADER',
      signedAtMs,
    });
    expect(verifySigV4(queryRequest, options)).toMatchObject({
      ok: true,
      authType: 'REST-QUERY-STRING',
      expiresAtMs: signedAtMs + 86_400_000,
      payloadHash: 'UNSIGNED-PAYLOAD',
    });
  });

  it('accepts to the last millisecond, and no later', () => {
    const last = signedAtMs + 86_400_000;
    expect(verifySigV4(queryRequest, { ...options, nowMs: last }).ok).toBe(true);
    expect(verifySigV4(queryRequest, { ...options, nowMs: last + 1 })).toMatchObject({
      status: 403,
      code: 'AccessDenied',
      message: 'Request has expired',
      details: {
        'X-Amz-Expires': '86400',
        Expires: '2013-05-25T00:00:00Z',
        ServerTime: '2013-05-25T00:00:00Z',
      },
    });
    expect(verifySigV4(queryRequest, { ...options, nowMs: signedAtMs - 900_001 })).toMatchObject({
      message: 'Request is not yet valid',
    });
  });

  it.each<[string, Partial<SigV4Request>]>([
    ['method', { method: 'PUT' }],
    ['path', { path: '/other.txt' }],
    ['query', { query: 'versionId=1' }],
    ['signed header', { headers: { ...headerRequest.headers, range: 'bytes=0-10' } }],
    ['payload hash', { payloadHash: 'UNSIGNED-PAYLOAD' }],
  ])('refuses another %s', (_, change) => {
    expect(verifySigV4({ ...headerRequest, ...change }, options)).toMatchObject({
      ok: false,
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
  });

  it.each<[string, Record<string, string>]>([
    ['X-Amz-Expires=86400', { 'X-Amz-Expires=-1': 'X-Amz-Expires must be non-negative' }],
    ['X-Amz-Expires=86400', { 'X-Amz-Expires=x': 'X-Amz-Expires should be a number' }],
    ['AWS4-HMAC-SHA256', { other: 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"' }],
    [
      'us-east-1',
      {
        'eu-west-1':
          "Error parsing the X-Amz-Credential parameter; the region 'eu-west-1' is wrong; expecting 'us-east-1'",
      },
    ],
  ])('names what is wrong with %s', (from, changes) => {
    for (const [to, message] of Object.entries(changes)) {
      expect(
        verifySigV4({ ...queryRequest, query: queryRequest.query.replace(from, to) }, options),
      ).toMatchObject({ status: 400, code: 'AuthorizationQueryParametersError', message });
    }
  });

  it('refuses a clock that is off, unknown keys, unsigned headers and anonymous requests', () => {
    expect(verifySigV4(headerRequest, { ...options, nowMs: signedAtMs + 900_001 })).toMatchObject({
      code: 'RequestTimeTooSkewed',
    });
    expect(verifySigV4(headerRequest, { ...options, secretFor: () => undefined })).toMatchObject({
      code: 'InvalidAccessKeyId',
    });
    const more = { ...headerRequest.headers, 'x-amz-acl': 'public-read' };
    expect(verifySigV4({ ...headerRequest, headers: more }, options)).toMatchObject({
      code: 'AccessDenied',
      details: { HeadersNotSigned: 'x-amz-acl' },
    });
    expect(verifySigV4({ ...headerRequest, headers: {} }, options)).toMatchObject({
      anonymous: true,
      status: 403,
    });
    const both = { ...headerRequest, query: queryRequest.query };
    expect(verifySigV4(both, options)).toMatchObject({ code: 'InvalidArgument' });
    expect(verifySigV4({ ...headerRequest, path: '/%zz' }, options)).toMatchObject({ code: 'InvalidURI' });
  });

  it('judges session tokens', () => {
    const secretFor = () => ({ secretAccessKey, sessionToken: 'T', sessionExpiresAtMs: signedAtMs });
    expect(verifySigV4(headerRequest, { ...options, secretFor })).toMatchObject({
      code: 'InvalidAccessKeyId',
    });
  });
});

describe('canonicalPath', () => {
  it('keeps keys as they are for S3', () => {
    expect(canonicalPath('/b//a%20b/../c+d/%E2%82%AC', false)).toBe('/b//a%20b/../c%2Bd/%E2%82%AC');
  });

  it('normalises and encodes again for other services', () => {
    expect(canonicalPath('/a//b/../c%20d/', true)).toBe('/a/c%2520d/');
    expect(canonicalPath('/', true)).toBe('/');
  });
});
