import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlainAccessUrl } from '../../../shared/plain-access-url.ts';
import { checkAccessUrl, resolveStores } from '../../../shared/stores.ts';

const stores = resolveStores({
  path: { bucket: 'inbox', region: 'eu-west-1', endpoint: 'http://127.0.0.1:9000' },
  host: { bucket: 'inbox', region: 'eu-west-1', allowedOrigins: ['https://cdn.example'] },
});
const good = {
  path: 'http://127.0.0.1:9000/inbox/a/b.bin',
  host: 'https://inbox.s3.eu-west-1.amazonaws.com/a/b.bin',
} as const;
const payload = { key: 'a/b.bin', versionId: 'v1' };
/** What URLs are made of, and what they should not be. */
const PIECES = [
  'versionId=v1',
  'versionId=v2',
  'versionId',
  'a/b.bin',
  'inbox',
  'x',
  '..',
  '%49',
  'ü',
  '&',
  '?',
  '#',
  '/',
  '%',
  '+',
  '=',
  '\n',
  '\t',
  ' ',
  '@',
  ':',
];
const QUERY = 'X-Amz-Credential=AKID%2F20260101%2Feu&versionId=v1&X-Amz-Signature=0a';

function refuses(name: keyof typeof good, href: string, of = payload): boolean {
  try {
    checkAccessUrl(href, stores.get(name), { ...of, store: name });
    return false;
  } catch {
    return true;
  }
}
const plain = (name: keyof typeof good, href: string, of = payload): boolean =>
  isPlainAccessUrl(href, stores.get(name), { ...of, store: name });

describe('a URL compared as text', () => {
  it('is plain when it names the payload, wherever the version stands in the query', () => {
    for (const name of ['path', 'host'] as const) {
      expect(plain(name, `${good[name]}?${QUERY}`)).toBe(true);
      expect(plain(name, `${good[name]}?versionId=v1`)).toBe(true);
    }
    expect(plain('host', `https://cdn.example/a/b.bin?${QUERY}`)).toBe(true);
  });

  it.each([
    ['no query', good.path],
    ['no version', `${good.path}?X-Amz-Signature=0a`],
    ['another version', `${good.path}?versionId=v2`],
    ['a longer version', `${good.path}?versionId=v11`],
    ['two versions', `${good.path}?versionId=v1&versionId=v1`],
    ['a second version in code', `${good.path}?versionId=v1&version%49d=v2`],
    ['a version without a value', `${good.path}?versionId&versionId=v1`],
    ['a fragment', `${good.path}?versionId=v1#x`],
    ['a line end, which parsers drop', `${good.path}?versionId=v1&ver\nsionId=v2`],
    ['another origin', `http://127.0.0.1:9001/inbox/a/b.bin?versionId=v1`],
    ['a user', `http://u@127.0.0.1:9000/inbox/a/b.bin?versionId=v1`],
    ['another key', `${good.path}x?versionId=v1`],
    ['dots in the path', `http://127.0.0.1:9000/inbox/x/../a/b.bin?versionId=v1`],
  ])('is not with %s', (_, href) => {
    expect(plain('path', href)).toBe(false);
  });

  it('is never plain where the check of the parsed URL refuses', () => {
    const pieces = fc.constantFrom(...PIECES, ...Object.values(good));
    const hrefs = fc
      .tuple(fc.constantFrom(...Object.values(good), ''), fc.array(pieces, { maxLength: 8 }))
      .map(([start, rest]) => `${start}?${rest.join('')}`);
    fc.assert(
      fc.property(fc.constantFrom('path' as const, 'host' as const), hrefs, (name, href) => {
        if (plain(name, href)) expect(refuses(name, href)).toBe(false);
      }),
      { numRuns: 3_000 },
    );
  });

  it('is never plain with a key or a version that needs encoding', () => {
    const texts = fc.string({ minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(texts, texts, (key, versionId) => {
        const href = `http://127.0.0.1:9000/inbox/${key}?versionId=${versionId}`;
        if (plain('path', href, { key, versionId }))
          expect(refuses('path', href, { key, versionId })).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
