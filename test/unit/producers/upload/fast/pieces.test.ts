import { describe, expect, it } from 'vitest';
import { createCredentialCache } from '../../../../../producers/upload/fast/credentials.ts';
import { s3AddressOf } from '../../../../../producers/upload/fast/s3-address.ts';
import { completeBody, elementText } from '../../../../../producers/upload/fast/xml.ts';
import { createUploadTransport } from '../../../../../producers/index.ts';

const store = { bucket: 'b', region: 'eu-central-1', endpoint: undefined, pathStyle: false };

describe('s3AddressOf', () => {
  it.each([
    [{}, 'b.s3.eu-central-1.amazonaws.com', '/a%20b/c%2Bd'],
    [{ region: 'us-gov-west-1' }, 'b.s3.us-gov-west-1.amazonaws.com', '/a%20b/c%2Bd'],
    [{ pathStyle: true }, 's3.eu-central-1.amazonaws.com', '/b/a%20b/c%2Bd'],
    [{ endpoint: 'http://127.0.0.1:9', pathStyle: true }, '127.0.0.1:9', '/b/a%20b/c%2Bd'],
    [{ endpoint: 'https://[::1]:9', pathStyle: true }, '[::1]:9', '/b/a%20b/c%2Bd'],
  ])('finds %j at %s', (change, host, path) => {
    const address = s3AddressOf({ ...store, ...change });
    expect([address?.host, address?.pathOf('a b/c+d')]).toEqual([host, path]);
  });

  it.each([
    { region: 'cn-north-1' },
    { region: 'us-iso-east-1' },
    { region: 'auto' },
    { endpoint: 'http://h/base' },
    { endpoint: 'http://user@h' },
  ])('leaves %j to the SDK', (change) => {
    expect(s3AddressOf({ ...store, ...change })).toBeUndefined();
  });
});

describe('createUploadTransport', () => {
  it('fails when plain sockets are asked for where only the SDK knows the way', () => {
    const options = { store: { ...store, region: 'cn-north-1' } };
    expect(() => createUploadTransport({ ...options, transport: 'fast' })).toThrow(
      /upload\.transport: got "fast"/,
    );
    expect(() => createUploadTransport(options)).not.toThrow();
  });
});

describe('XML', () => {
  it('gives the text of an element, entities resolved', () => {
    expect(elementText('<A><ETag>&quot;a&amp;b&#34;&#x3c;</ETag></A>', 'ETag')).toBe('"a&b"<');
    expect(elementText('<A><ETag></ETag></A>', 'ETag')).toBeUndefined();
  });

  it('escapes what it lists', () => {
    const body = completeBody([{ partNumber: 3, etag: '"<&>"', crc32c: 'AA==' }]).toString();
    expect(body).toContain('<ETag>"&lt;&amp;&gt;"</ETag>');
    expect(body).toContain('<PartNumber>3</PartNumber>');
  });
});

describe('createCredentialCache', () => {
  const keys = { accessKeyId: 'a', secretAccessKey: 's' };

  it('asks once for all who wait, and again five minutes before the session ends', async () => {
    let [asked, nowMs] = [0, 0];
    const provider = async () => ({
      ...keys,
      sessionToken: String((asked += 1)),
      expiration: new Date(1_000_000),
    });
    const cache = createCredentialCache(provider, () => nowMs);
    await Promise.all([cache.get(), cache.get()]);
    nowMs = 699_999;
    expect(await cache.get()).toMatchObject({ sessionToken: '1' });
    nowMs = 700_001;
    expect(await cache.get()).toMatchObject({ sessionToken: '2' });
    nowMs = 0;
    cache.forget();
    expect(await cache.get()).toMatchObject({ sessionToken: '3' });
  });

  it('asks again after a failure', async () => {
    let asked = 0;
    const cache = createCredentialCache(
      async () => {
        asked += 1;
        if (asked === 1) throw new Error('not yet');
        return keys;
      },
      () => 0,
    );
    await expect(cache.get()).rejects.toThrow('not yet');
    expect(await cache.get()).toEqual(keys);
  });

  it('gives fixed credentials as they are, over or not', async () => {
    const fixed = { ...keys, expiration: new Date(0) };
    const cache = createCredentialCache(fixed, () => 1);
    cache.forget();
    expect(await cache.get()).toBe(fixed);
  });
});
