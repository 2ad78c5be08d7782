import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TransferError } from '../../../shared/errors.ts';
import { redactingLogger } from '../../../shared/logger.ts';
import { redact, redactText } from '../../../shared/redact.ts';
import { Secret, SecretUrl } from '../../../shared/secret.ts';

const URL_TEXT =
  'https://b.s3.us-east-1.amazonaws.com/k/a.bin?X-Amz-Credential=AKIAX%2F1&X-Amz-Signature=deadbeefdeadbeef';
const JWS = 'eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJhIn0.c2VjcmV0LXNpZ25hdHVyZQ';

describe('redactText', () => {
  it.each([
    ['a presigned URL', `GET ${URL_TEXT} failed`, 'deadbeef'],
    ['a query without its host', 'GET /b/k?versionId=1&X-Amz-Signature=deadbeefdeadbeef', 'deadbeef'],
    ['a claim check', `claim ${JWS}.`, 'c2VjcmV0'],
    [
      'an Authorization header',
      'AWS4-HMAC-SHA256 Credential=x, Signature=deadbeefdeadbeefdeadbeef',
      'deadbeef',
    ],
    ['a bearer token', 'authorization: Bearer abc.def-ghi', 'def-ghi'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----', 'MC4CAQ'],
    ['a private key cut short', '-----BEGIN PRIVATE KEY-----\nMC4CAQ', 'MC4CAQ'],
  ])('hides %s', (_what, text, secret) => {
    expect(redactText(text)).not.toContain(secret);
  });

  it('keeps what helps: host, bucket and key', () => {
    expect(redactText(URL_TEXT)).toBe('https://b.s3.us-east-1.amazonaws.com/k/a.bin?[redacted]');
    expect(redactText('GET s3://inbox/a.bin resumed at byte 8388608')).toBe(
      'GET s3://inbox/a.bin resumed at byte 8388608',
    );
  });
});

describe('redact', () => {
  it('hides secret fields by name whatever their spelling, and strings anywhere', () => {
    const out = JSON.stringify(
      redact({
        secretAccessKey: 'k1',
        'X-Amz-Security-Token': 'k2',
        session_token: 'k3',
        claimChecks: ['k4'],
        nested: [{ message: URL_TEXT }, new Map([['authorization', 'k5']]), new Set([JWS])],
        url: new URL(URL_TEXT),
        error: new TransferError(`could not read ${URL_TEXT}`, { cause: new Error(JWS) }),
      }),
    );
    for (const secret of ['k1', 'k2', 'k3', 'k4', 'k5', 'deadbeef', 'c2VjcmV0'])
      expect(out).not.toContain(secret);
    expect(out).toContain('TransferError');
  });

  it('survives cycles, depth, bytes and odd values', () => {
    const cyclic: Record<string, unknown> = {
      big: 1n,
      fn: () => 1,
      bytes: Buffer.from('x'),
      none: undefined,
    };
    cyclic['self'] = cyclic;
    expect(redact(cyclic)).toEqual({
      big: '1',
      fn: '[function]',
      bytes: '[1 bytes]',
      none: undefined,
      self: '[…]',
    });
  });

  it('stands between any logger and its fields', () => {
    const lines: unknown[] = [];
    const take = (fields: object, message: string): void => void lines.push(fields, message);
    redactingLogger({ debug: take, info: take, warn: take, error: take }).warn(
      { url: URL_TEXT },
      `at ${URL_TEXT}`,
    );
    expect(JSON.stringify(lines)).not.toContain('deadbeef');
  });
});

describe('Secret', () => {
  it('is revealed only on demand', () => {
    const secret = new Secret('hush');
    const shown = [
      secret.toString(),
      JSON.stringify({ secret }),
      inspect(secret, { showHidden: true }),
      inspect({ secret }),
    ];
    for (const text of shown) expect(text).not.toContain('hush');
    expect(Object.values(secret)).toEqual([]);
    expect(() => JSON.stringify(structuredClone(secret))).not.toThrow();
    expect(JSON.stringify(structuredClone(secret))).not.toContain('hush');
    expect(secret.reveal()).toBe('hush');
  });

  it('of a URL shows the address without its query', () => {
    expect(new SecretUrl(URL_TEXT).toString()).toBe('https://b.s3.us-east-1.amazonaws.com/k/a.bin?[secret]');
  });
});

describe('an error', () => {
  it('never carries a URL query in its message', () => {
    expect(new TransferError(`GET ${URL_TEXT}`).message).toBe(
      'GET https://b.s3.us-east-1.amazonaws.com/k/a.bin?[redacted]',
    );
  });
});
