import { expect } from 'vitest';
import { refusal } from '../expect-error.ts';
import { ERRORS, SIGV4 } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { sendRaw } from '../wire/send.ts';
import { amzDateOf, scopeText, sha256, signRequest, signedHeaderNames } from '../wire/sign.ts';
import type { HeaderLines } from '../wire/sign.ts';
import type { Ask } from '../wire/signed.ts';
import { put } from './tools.ts';

const SPEC = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html';

const getIt = async (world: World, wish: Partial<Ask>) => {
  const { Bucket, Key } = await put(world);
  return await world.ask({ bucket: Bucket, key: Key, ...wish });
};
const denied = (status: number, code: string, wish: Partial<Ask>) => async (world: World) => {
  refusal(await getIt(world, wish), status, code);
};
const accepted = (wish: Partial<Ask>) => async (world: World) => {
  expect((await getIt(world, wish)).status).toBe(200);
};
const listed = (query: HeaderLines, tamper?: Ask['tamper']) => async (world: World) => {
  const reply = await world.ask({ bucket: world.plain, query, ...(tamper === undefined ? {} : { tamper }) });
  expect(reply.status).toBe(200);
};
const withoutHeader = (name: string): Partial<Ask> => ({
  tamper: ({ headers }) => {
    headers.splice(0, headers.length, ...headers.filter(([given]) => given !== name));
  },
});
const changed = (name: string, change: (value: string) => string): Partial<Ask> => ({
  tamper: ({ headers }) => {
    for (const header of headers) if (header[0] === name) header[1] = change(header[1]);
  },
});

/** A GET whose header value goes on in further lines: a server unfolds it, or says 400; it never drops a part. */
async function foldedHeader(world: World): Promise<void> {
  const { Bucket, Key } = await put(world);
  const { target } = world;
  const amzDate = amzDateOf(Date.now());
  const scope = {
    ...target.credentials,
    region: target.region,
    service: 's3',
    amzDate,
    date: amzDate.slice(0, 8),
  };
  const path = `/${Bucket}/${Key}`;
  const headers: HeaderLines = [
    ['host', new URL(target.endpoint).host],
    ['x-amz-content-sha256', sha256('')],
    ['x-amz-date', amzDate],
    ['x-own', 'value1 value2 value3'],
  ];
  const signature = signRequest(scope, { method: 'GET', path, query: [], headers, payloadHash: sha256('') });
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope.accessKeyId}/${scopeText(scope)}, SignedHeaders=${signedHeaderNames(headers)}, Signature=${signature}`;
  const lines = headers.map(([name, value]) =>
    name === 'x-own' ? 'x-own: value1\r\n  value2\r\n     value3' : `${name}: ${value}`,
  );
  const head = [
    `GET ${path} HTTP/1.1`,
    ...lines,
    `authorization: ${authorization}`,
    'connection: close',
    '',
    '',
  ];
  expect([200, 400]).toContain((await sendRaw(target.endpoint, head.join('\r\n'))).status);
}

/** Signatures in the Authorization header. */
export const signing: readonly ConformanceCase[] = suite('signing', SIGV4, {
  'query.empty-values': from(
    SPEC,
    listed([
      ['list-type', '2'],
      ['prefix', ''],
      ['delimiter', ''],
    ]),
  ),
  'query.name-without-equals-sign': from(
    SPEC,
    listed([['location', '']], (sent) => {
      sent.target = sent.target.replace('location=', 'location');
    }),
  ),
  'query.encoded-values': from(
    SPEC,
    listed([
      ['list-type', '2'],
      ['prefix', 'a b+c%/ü&=?'],
    ]),
  ),
  'query.unsorted-on-the-wire': from(
    SPEC,
    listed(
      [
        ['delimiter', '/'],
        ['list-type', '2'],
        ['prefix', 'x'],
      ],
      (sent) => {
        const [path = '', query = ''] = sent.target.split('?');
        sent.target = `${path}?${query.split('&').toReversed().join('&')}`;
      },
    ),
  ),
  'query.slash-left-as-it-is-on-the-wire': from(
    SPEC,
    listed(
      [
        ['list-type', '2'],
        ['prefix', 'a/b'],
      ],
      (sent) => {
        sent.target = sent.target.replace('%2F', '/');
      },
    ),
  ),
  'path.needless-escapes-on-the-wire': from(
    SPEC,
    accepted({
      tamper: (sent) => {
        sent.target = sent.target.replace('/object', '/%6fbject');
      },
    }),
  ),
  'path.lower-case-escapes-on-the-wire': from(SPEC, async (world) => {
    const { Bucket, Key } = await put(world, 'x', { Key: world.key('ü') });
    const tamper: Ask['tamper'] = (sent) => {
      sent.target = sent.target.replace('%C3%BC', '%c3%bc');
    };
    expect((await world.ask({ bucket: Bucket, key: Key, tamper })).text).toBe('x');
  }),
  'header.repeated': from(
    SPEC,
    accepted({
      headers: [
        ['x-own', 'b'],
        ['x-own', 'a'],
        ['x-own', 'b'],
      ],
    }),
  ),
  'header.repeated-amz': from(
    SPEC,
    accepted({
      headers: [
        ['x-amz-meta-b', '2'],
        ['x-amz-meta-b', '1'],
      ],
    }),
  ),
  'header.spaces-inside-and-around': from(SPEC, accepted({ headers: [['x-own', '  a   b  c  ']] })),
  'header.quoted-spaces': from(SPEC, accepted({ headers: [['x-own', '"a   b"']] })),
  'header.upper-case-name': from(SPEC, accepted({ headers: [['X-Own-HEADER', 'Value']] })),
  'header.empty-value': from(SPEC, accepted({ headers: [['x-own', '']] })),
  'header.folded-is-unfolded-or-refused': from(
    'https://www.rfc-editor.org/rfc/rfc9112#section-5.2',
    foldedHeader,
  ),
  'header.not-signed-and-not-amz-is-fine': accepted({ unsigned: [['x-own', 'a']] }),
  'header.amz-not-signed-is-403': denied(403, 'AccessDenied', { unsigned: [['x-amz-meta-own', 'a']] }),
  'header.signed-but-missing-is-403': denied(403, 'SignatureDoesNotMatch', { phantom: [['x-own', 'a']] }),
  'header.changed-is-403': denied(403, 'SignatureDoesNotMatch', {
    headers: [['x-own', 'a']],
    ...changed('x-own', () => 'b'),
  }),
  'body.changed-is-refused': async (world) => {
    const where = { bucket: world.plain, key: world.key(), method: 'PUT' };
    const reply = await world.ask({ ...where, body: 'real', payloadHash: sha256('fake') });
    refusal(reply, 400, 'XAmzContentSHA256Mismatch');
  },
  'path.changed-is-403': denied(403, 'SignatureDoesNotMatch', {
    tamper: (sent) => {
      sent.target = sent.target.replace('/object', '/objecT');
    },
  }),
  'method.changed-is-403': denied(403, 'SignatureDoesNotMatch', {
    tamper: (sent) => {
      sent.method = 'DELETE';
    },
  }),
  'mismatch-shows-what-was-calculated': from(ERRORS, async (world) => {
    const reply = await getIt(world, { scope: { secretAccessKey: 'guess' } });
    expect(reply.xml('StringToSign')).toContain('AWS4-HMAC-SHA256');
    expect(reply.xml('CanonicalRequest')).toContain('x-amz-content-sha256');
    expect(reply.xml('SignatureProvided')).toMatch(/^[0-9a-f]{64}$/);
  }),
  'wrong-secret-is-403': from(
    ERRORS,
    denied(403, 'SignatureDoesNotMatch', { scope: { secretAccessKey: 'guess' } }),
  ),
  'unknown-key-is-403': from(
    ERRORS,
    denied(403, 'InvalidAccessKeyId', { scope: { accessKeyId: 'AKIANOBODYKNOWSTHIS1' } }),
  ),
  'clock-an-hour-behind-is-403': from(ERRORS, denied(403, 'RequestTimeTooSkewed', { skewMs: -3_600_000 })),
  'clock-an-hour-ahead-is-403': from(ERRORS, denied(403, 'RequestTimeTooSkewed', { skewMs: 3_600_000 })),
  'clock-five-minutes-behind-is-fine': from(ERRORS, accepted({ skewMs: -300_000 })),
  'clock-five-minutes-ahead-is-fine': from(ERRORS, accepted({ skewMs: 300_000 })),
  'wrong-region-is-400': from(
    ERRORS,
    denied(400, 'AuthorizationHeaderMalformed', { scope: { region: 'xx-none-9' } }),
  ),
  'wrong-region-names-the-right-one': from(ERRORS, async (world) => {
    const reply = await getIt(world, { scope: { region: 'xx-none-9' } });
    expect(reply.xml('Region')).toBe(world.target.region);
  }),
  'wrong-service-is-400': denied(400, 'AuthorizationHeaderMalformed', { scope: { service: 'sqs' } }),
  'wrong-credential-date-is-400': denied(400, 'AuthorizationHeaderMalformed', {
    scope: { date: '20200101' },
  }),
  'without-content-sha256-is-400': denied(400, 'InvalidRequest', withoutHeader('x-amz-content-sha256')),
  'without-any-date-is-403': denied(403, 'AccessDenied', withoutHeader('x-amz-date')),
  'without-signature-is-400': denied(
    400,
    'AuthorizationHeaderMalformed',
    changed('authorization', (value) => value.replace(/, Signature=.*/, '')),
  ),
  'malformed-credential-is-400': denied(
    400,
    'AuthorizationHeaderMalformed',
    changed('authorization', (value) => value.replace(/Credential=[^,]*/, 'Credential=nothing')),
  ),
  'unknown-scheme-is-400': denied(
    400,
    'InvalidArgument',
    changed('authorization', () => 'Bearer abc'),
  ),
  'no-spaces-between-fields': accepted(changed('authorization', (value) => value.replaceAll(', ', ','))),
});
