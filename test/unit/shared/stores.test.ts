import { describe, expect, it } from 'vitest';
import { ForeignUrlError, UnknownStoreError } from '../../../shared/errors.ts';
import { checkAccessUrl, resolveStores, type StoresOptions } from '../../../shared/stores.ts';

const stores = resolveStores({
  aws: { bucket: 'payloads', region: 'eu-central-1', allowedOrigins: ['https://cdn.example'] },
  dotted: { bucket: 'pay.loads', region: 'eu-central-1' },
  local: { bucket: 'payloads', region: 'us-east-1', endpoint: 'http://127.0.0.1:9000' },
});

describe('resolveStores', () => {
  it('works out path style and origins', () => {
    expect(stores.get('aws')).toMatchObject({
      pathStyle: false,
      origins: ['https://payloads.s3.eu-central-1.amazonaws.com', 'https://cdn.example'],
    });
    expect(stores.get('dotted')).toMatchObject({
      pathStyle: true,
      origins: ['https://s3.eu-central-1.amazonaws.com'],
    });
    expect(stores.get('local')).toMatchObject({ pathStyle: true, origins: ['http://127.0.0.1:9000'] });
  });

  it('names what it knows when asked for another', () => {
    expect(() => stores.get('elsewhere')).toThrow(UnknownStoreError);
    expect(() => stores.get('elsewhere')).toThrow(
      'store "elsewhere" is not configured here (known: aws, dotted, local)',
    );
    expect(() => stores.get('__proto__')).toThrow(UnknownStoreError);
  });

  it.each<[string, unknown]>([
    ['stores.a.bucket: got "NO", expected a bucket name', { a: { bucket: 'NO', region: 'x' } }],
    ['stores.a.bucket: got undefined', { a: { region: 'x' } }],
    ['stores.a.region: got "", expected a region', { a: { bucket: 'abc', region: '' } }],
    ['stores.a.region: got "x/", expected', { a: { bucket: 'abc', region: 'x/' } }],
    ['stores.a.endpoint: got "ftp://h"', { a: { bucket: 'abc', region: 'x', endpoint: 'ftp://h' } }],
    ['stores.a.pathStyle: got "yes"', { a: { bucket: 'abc', region: 'x', pathStyle: 'yes' } }],
    ['stores.a.allowedOrigins: got "x"', { a: { bucket: 'abc', region: 'x', allowedOrigins: 'x' } }],
    [
      'stores.a.allowedOrigins.1: got 7',
      { a: { bucket: 'abc', region: 'x', allowedOrigins: ['http://h', 7] } },
    ],
    ['stores.a: got the field "regoin"', { a: { bucket: 'abc', region: 'x', regoin: 'y' } }],
    ['stores.a: got null, expected an object', { a: null }],
    ['stores: got the name "a b"', { 'a b': { bucket: 'abc', region: 'x' } }],
    ['stores: got an array, expected an object', []],
  ])('refuses bad configuration: %s', (message, options) => {
    expect(() => resolveStores(options as StoresOptions)).toThrow(TypeError);
    expect(() => resolveStores(options as StoresOptions)).toThrow(message);
  });
});

describe('checkAccessUrl', () => {
  const check = (store: string, url: string, key = 'a b/ü+%.bin'): void =>
    checkAccessUrl(url, stores.get(store), { store, key, versionId: 'v1' });
  const path = 'a%20b/%C3%BC%2B%25.bin';

  it('accepts the URL of exactly this payload', () => {
    check('aws', `https://payloads.s3.eu-central-1.amazonaws.com/${path}?versionId=v1&X-Amz-Signature=s`);
    check('aws', `https://cdn.example/${path}?versionId=v1`);
    check('local', `http://127.0.0.1:9000/payloads/${path}?versionId=v1`);
    check('local', 'http://127.0.0.1:9000/payloads/a/../b?versionId=v1', 'a/../b');
  });

  it.each([
    ['origin', `https://evil.example/${path}?versionId=v1`],
    ['origin', `http://payloads.s3.eu-central-1.amazonaws.com/${path}?versionId=v1`],
    ['origin', `https://payloads.s3.eu-central-1.amazonaws.com.evil.example/${path}?versionId=v1`],
    ['origin', `https://payloads.s3.eu-central-1.amazonaws.com:8443/${path}?versionId=v1`],
    ['origin', `http://127.0.0.1/${path}?versionId=v1`],
    ['origin', `http://169.254.169.254/${path}?versionId=v1`],
    ['user information', `https://u:p@payloads.s3.eu-central-1.amazonaws.com/${path}?versionId=v1`],
    ['fragment', `https://payloads.s3.eu-central-1.amazonaws.com/${path}?versionId=v1#x`],
    ['path', `https://payloads.s3.eu-central-1.amazonaws.com/other?versionId=v1`],
    ['path', `https://payloads.s3.eu-central-1.amazonaws.com/x/../${path}?versionId=v1`],
    ['path', `https://payloads.s3.eu-central-1.amazonaws.com/payloads/${path}?versionId=v1`],
    ['versionId', `https://payloads.s3.eu-central-1.amazonaws.com/${path}?versionId=v2`],
    ['versionId', `https://payloads.s3.eu-central-1.amazonaws.com/${path}`],
    ['versionId', `https://payloads.s3.eu-central-1.amazonaws.com/${path}?versionId=v1&versionId=v2`],
  ])('refuses another %s', (what, url) => {
    expect(() => check('aws', url)).toThrow(ForeignUrlError);
    expect(() => check('aws', url)).toThrow(`access.url: ${what} is`);
  });
});
