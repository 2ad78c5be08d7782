import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MAX_ERROR_BODY_BYTES, parseS3Error, readErrorBody } from '../../../shared/s3-error-body.ts';
import {
  classifyReply,
  ifMatchValue,
  MAX_RETRY_AFTER_MS,
  sameEtag,
  totalBytes,
  type S3Reply,
} from '../../../shared/s3-replies.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../../fixtures/s3-replies/${name}.xml`, import.meta.url), 'utf8');

const NOW = Date.parse('2026-01-31T12:00:00Z');
const LATER = NOW + 60_000;

function judge(reply: Partial<S3Reply> & { status: number }) {
  return classifyReply({ headers: {}, nowMs: NOW, urlExpiresAtMs: LATER, ...reply });
}

describe('classifyReply for refusals', () => {
  it.each([
    ['expired', 403, 'aws-expired'],
    ['expired', 403, 'r2-expired'],
    ['signer-expired', 400, 'aws-expired-token'],
    ['signer-expired', 403, 'aws-expired-token'],
    ['clock', 403, 'aws-not-yet-valid'],
    ['clock', 403, 'aws-too-skewed'],
    ['refused', 403, 'aws-access-denied'],
    ['refused', 403, 'aws-headers-not-signed'],
    ['refused', 403, 'aws-signature'],
    ['refused', 403, 'ceph-access-denied'],
    ['refused', 404, 'aws-no-such-bucket'],
    ['refused', 400, 'aws-kms-disabled'],
    ['missing', 404, 'aws-no-such-key'],
    ['missing', 404, 'aws-no-such-version'],
    ['changed', 412, 'aws-precondition'],
    ['range', 416, 'aws-invalid-range'],
    ['transient', 400, 'aws-request-timeout'],
    ['transient', 503, 'aws-slow-down'],
  ] as const)('says %s for %d with %s', (kind, status, name) => {
    expect(judge({ status, body: fixture(name) })).toMatchObject({ kind, status });
  });

  it.each([
    ['refused', [301, 302, 304, 307, 308, 400, 401, 403, 405, 411]],
    ['missing', [404]],
    ['changed', [412]],
    ['range', [204, 416]],
    ['transient', [408, 409, 425, 429, 500, 502, 503, 504]],
  ] as const)('says %s without a body for %j', (kind, statuses) => {
    for (const status of statuses) expect(judge({ status })).toEqual({ kind, status });
  });

  it.each(['ceph-access-denied', 'aws-access-denied', 'aws-signature'])(
    'calls any 403 past the URL’s own deadline expired: %s',
    (name) => {
      expect(judge({ status: 403, body: fixture(name), nowMs: LATER }).kind).toBe('expired');
    },
  );

  it('believes the store’s clock more than this machine’s', () => {
    const body = fixture('aws-access-denied').replace(
      '<RequestId>',
      '<ServerTime>2026-01-31T12:00:00Z</ServerTime>$&',
    );
    expect(judge({ status: 403, body, nowMs: LATER + 1 }).kind).toBe('refused');
  });

  it('does not call a bare 403 expired when the deadline is unknown', () => {
    expect(classifyReply({ status: 403, headers: {}, nowMs: LATER }).kind).toBe('refused');
  });

  it('gives the store’s time, and when it thinks the URL was signed', () => {
    expect(judge({ status: 403, body: fixture('aws-expired') }).serverTimeMs).toBe(NOW + 301_000);
    expect(judge({ status: 403, body: fixture('aws-not-yet-valid') })).toMatchObject({
      serverTimeMs: NOW,
      signedAtMs: NOW + 1_800_000,
    });
    const headers = { date: 'Sat, 31 Jan 2026 12:00:00 GMT' };
    const body = '<Error><Code>RequestTimeTooSkewed</Code></Error>';
    expect(judge({ status: 403, headers, body }).serverTimeMs).toBe(NOW);
  });

  it('calls a delete marker missing', () => {
    expect(judge({ status: 405, headers: { 'x-amz-delete-marker': 'true' } }).kind).toBe('missing');
  });

  it.each([
    ['7', 7_000],
    ['86400', MAX_RETRY_AFTER_MS],
    ['Sat, 31 Jan 2026 12:00:05 GMT', 5_000],
    ['Sat, 31 Jan 2026 11:00:05 GMT', 0],
    ['soon', undefined],
  ])('reads Retry-After %j as %s ms', (text, expected) => {
    expect(judge({ status: 503, headers: { 'retry-after': text } }).retryAfterMs).toBe(expected);
  });
});

describe('classifyReply for good replies', () => {
  const range = { start: 5, end: 10 };
  const good = {
    etag: '"e"',
    'content-range': 'bytes 5-9/20',
    'content-length': '5',
    'x-amz-version-id': 'v',
  };
  const asked = { expectedRange: range, expectedEtag: 'e', expectedVersionId: 'v', expectedSizeBytes: 20 };

  it('says ok for exactly the bytes asked for', () => {
    expect(judge({ status: 206, headers: good, ...asked })).toEqual({ kind: 'ok', status: 206 });
    expect(judge({ status: 200, headers: { 'content-length': '20' }, expectedSizeBytes: 20 }).kind).toBe(
      'ok',
    );
    expect(judge({ status: 200, headers: {}, expectedSizeBytes: 20 }).kind).toBe('ok');
    expect(
      judge({ status: 206, headers: { 'content-range': 'bytes 5-9/20' }, expectedRange: range }).kind,
    ).toBe('ok');
  });

  it.each([
    ['changed', 206, { etag: '"f"' }],
    ['changed', 206, { etag: '' }],
    ['changed', 206, { 'x-amz-version-id': 'w' }],
    ['range', 206, { 'content-range': 'bytes 4-9/20' }],
    ['range', 206, { 'content-range': 'bytes 5-8/20' }],
    ['range', 206, { 'content-range': 'bytes 5-9/21' }],
    ['range', 206, { 'content-range': '' }],
    ['range', 206, { 'content-length': '4' }],
    ['range', 200, { 'content-length': '20' }],
  ] as const)('says %s for %d with %j', (kind, status, differs) => {
    expect(judge({ status, headers: { ...good, ...differs }, ...asked }).kind).toBe(kind);
  });

  it('says changed for another size when nothing else tells the object', () => {
    expect(judge({ status: 200, headers: { 'content-length': '19' }, expectedSizeBytes: 20 }).kind).toBe(
      'changed',
    );
  });

  it('says range for a range that nobody asked for', () => {
    expect(judge({ status: 206, headers: good }).kind).toBe('range');
  });
});

describe('parseS3Error', () => {
  it('reads code and message, and decodes only XML’s own entities, once', () => {
    const text = '<Error><Code>A</Code><Message>a &lt;b&gt; &amp;lt; &unknown; &#65;\n</Message></Error>';
    expect(parseS3Error(text)).toEqual({ code: 'A', message: 'a <b> &lt; &unknown; &#65;' });
  });

  it.each(['', 'not XML', '<html><Code', '<Code>has spaces in it</Code>', '<Code></Code>', '\0<Error>'])(
    'finds nothing in %j',
    (text) => {
      expect(parseS3Error(text)).toEqual({});
    },
  );

  it('expands no entity of a document type', () => {
    const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><Error><Message>&a;&a;</Message></Error>`;
    expect(parseS3Error(bomb)).toEqual({ message: '&a;&a;' });
  });

  it('keeps a long message short, without control characters', () => {
    const { message } = parseS3Error(`<Message>a\u0000\u001b[31m${'b'.repeat(1_000)}</Message>`);
    expect(message).toHaveLength(300);
    expect(message).not.toMatch(/\p{Cc}/u);
  });
});

describe('readErrorBody', () => {
  it('stops reading at its cap', async () => {
    let sent = 0;
    let closed = false;
    async function* endless() {
      try {
        for (;;) {
          sent += 1_000;
          yield await Promise.resolve(Buffer.alloc(1_000, 'x'));
        }
      } finally {
        closed = true;
      }
    }
    expect(await readErrorBody(endless())).toHaveLength(MAX_ERROR_BODY_BYTES);
    expect(sent).toBe(17_000);
    expect(closed).toBe(true);
  });
});

describe('etags and sizes', () => {
  it('compares etags without their quotes, and never weak ones', () => {
    expect(sameEtag('"a"', 'a')).toBe(true);
    expect(sameEtag('W/"a"', 'W/"a"')).toBe(false);
    expect(ifMatchValue('a')).toBe('"a"');
    expect(ifMatchValue('W/"a"')).toBeUndefined();
    expect(ifMatchValue(undefined)).toBeUndefined();
  });

  it('reads the total of a range, also of one that is not satisfiable', () => {
    expect(totalBytes({ status: 206, headers: { 'content-range': 'bytes 0-0/7' } })).toBe(7);
    expect(totalBytes({ status: 416, headers: { 'content-range': 'bytes */0' } })).toBe(0);
    expect(totalBytes({ status: 206, headers: { 'content-range': 'bytes 0-0/*' } })).toBeUndefined();
    expect(totalBytes({ status: 200, headers: { 'content-length': '9' } })).toBe(9);
  });
});
