import { describe, expect, it } from 'vitest';
import { isBucketName, parseAddress } from '../../../../local/s3/address.ts';
import { parseRange } from '../../../../local/s3/range.ts';
import { compareUtf8 } from '../../../../local/s3/store/key-index.ts';
import { childrenOf, parseXml, textOf, toXml } from '../../../../local/s3/xml.ts';

describe('parseAddress', () => {
  it.each([
    ['127.0.0.1:9000', '/', {}],
    ['127.0.0.1:9000', '/b', { bucket: 'b' }],
    ['127.0.0.1:9000', '/b/', { bucket: 'b' }],
    ['localhost', '/b//x', { bucket: 'b', key: '/x' }],
    ['bucket.localhost:9000', '/a%2Fb', { bucket: 'bucket', key: 'a/b' }],
    ['my.bucket.s3.localhost', '/', { bucket: 'my.bucket' }],
    ['bucket.s3.eu-west-1.localhost', '/k', { bucket: 'bucket', key: 'k' }],
    ['s3.localhost', '/b/k', { bucket: 'b', key: 'k' }],
  ])('reads %s %s', (host, path, address) => {
    expect(parseAddress(host, path)).toEqual(address);
  });

  it('fails for bytes that are not UTF-8', () => {
    expect(() => parseAddress('localhost', '/b/%ff')).toThrow(/URI/);
  });
});

describe('isBucketName', () => {
  it.each(['..', '.', 'a..b', '-ab', 'A-b', 'ab', 'a/b', '127.0.0.1', 'a'.repeat(64), '../x'])(
    'refuses %s',
    (name) => {
      expect(isBucketName(name)).toBe(false);
    },
  );
});

describe('parseRange', () => {
  it('refuses what lies outside and ignores what is malformed', () => {
    expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable');
    expect(parseRange('bytes=-0', 10)).toBe('unsatisfiable');
    expect(parseRange('bytes=-', 10)).toBe('whole');
    expect(parseRange(undefined, 10)).toBe('whole');
  });
});

describe('XML', () => {
  it('keeps markup and control characters through a round trip', () => {
    const text = '<&>"\' \r\n\t\u0001 é🚚';
    const node = parseXml(toXml('Root', { Key: [text, 'b'] }), 'Root');
    expect(childrenOf(node, 'Key')).toEqual([text, 'b']);
  });

  it.each(['', 'no xml', '<Root>', '<Other/>', '<!DOCTYPE Root [<!ENTITY a "b">]><Root>&a;</Root>'])(
    'refuses %j',
    (text) => {
      expect(() => parseXml(text, 'Root')).toThrow(/not well-formed/);
    },
  );

  it('gives texts as they stand, numbers too', () => {
    expect(textOf(parseXml('<R><N>007</N></R>', 'R'), 'N')).toBe('007');
  });
});

describe('compareUtf8', () => {
  it('orders as the bytes do', () => {
    const keys = ['z', '🚚', '\uffff', 'a', 'é', '', 'ab'];
    const bytes = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect([...keys].sort(compareUtf8)).toEqual(bytes);
  });
});
