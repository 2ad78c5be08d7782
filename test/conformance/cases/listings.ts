import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import type { ListObjectsV2CommandInput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal } from '../expect-error.ts';
import { action, guide } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { put } from './tools.ts';

const TREE = ['a', 'b/1', 'b/2', 'b/c/3', 'd', 'e/4'];

async function filled(world: World, keys: readonly string[] = TREE, versioning = false): Promise<string> {
  const Bucket = await world.bucket({ versioning });
  for (const Key of keys) await put(world, Key, { Bucket, Key });
  return Bucket;
}

const shape = ({ Contents, CommonPrefixes }: Partial<ListObjectsV2CommandOutput>) => ({
  keys: Contents?.map(({ Key }) => Key) ?? [],
  prefixes: CommonPrefixes?.map(({ Prefix }) => Prefix) ?? [],
});

const listed =
  (input: Partial<ListObjectsV2CommandInput>, keys: string[], prefixes: string[] = []) =>
  async (world: World) => {
    const Bucket = await filled(world);
    const page = await world.s3.send(new ListObjectsV2Command({ Bucket, ...input }));
    expect(shape(page)).toEqual({ keys, prefixes });
    expect(page).toMatchObject({ KeyCount: keys.length + prefixes.length, IsTruncated: false });
  };

async function pages(world: World, input: ListObjectsV2CommandInput): Promise<string[][]> {
  const found: string[][] = [];
  let token: string | undefined;
  do {
    const page = await world.s3.send(new ListObjectsV2Command({ ...input, ContinuationToken: token }));
    const { keys, prefixes } = shape(page);
    found.push([...keys, ...prefixes] as string[]);
    token = page.NextContinuationToken;
    expect(page.IsTruncated).toBe(token !== undefined);
  } while (token !== undefined && found.length < 20);
  return found;
}

const badQuery = (name: string, value: string) => async (world: World) => {
  const query = [
    ['list-type', '2'],
    [name, value],
  ] as const;
  refusal(await world.ask({ bucket: world.plain, query }), 400, 'InvalidArgument');
};

/** ListObjectsV2. */
export const listObjects: readonly ConformanceCase[] = suite('list-objects-v2', action('ListObjectsV2'), {
  empty: async (world) => {
    const page = await world.s3.send(new ListObjectsV2Command({ Bucket: await world.bucket() }));
    expect(page).toMatchObject({ KeyCount: 0, IsTruncated: false, MaxKeys: 1000 });
    expect(page.Contents).toBeUndefined();
  },
  all: listed({}, TREE),
  'entry-has-etag-size-date-class': async (world) => {
    const Bucket = await world.bucket();
    const { ETag, Key } = await put(world, 'seven b', { Bucket });
    const [entry] = (await world.s3.send(new ListObjectsV2Command({ Bucket }))).Contents ?? [];
    expect(entry).toMatchObject({
      Key,
      ETag,
      Size: 7,
      StorageClass: 'STANDARD',
      LastModified: expect.any(Date),
    });
  },
  'order-is-by-utf8-bytes': from(guide('ListingKeysUsingAPIs'), async (world) => {
    const keys = ['Z', 'a', 'a b', 'a!', 'a/', 'a0', 'é', '\uffee', '😀'];
    const Bucket = await filled(world, keys);
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(shape(await world.s3.send(new ListObjectsV2Command({ Bucket }))).keys).toEqual(sorted);
  }),
  prefix: listed({ Prefix: 'b/' }, ['b/1', 'b/2', 'b/c/3']),
  'prefix.matches-nothing': listed({ Prefix: 'zz' }, []),
  'prefix.is-a-key': listed({ Prefix: 'd' }, ['d']),
  delimiter: from(guide('using-prefixes'), listed({ Delimiter: '/' }, ['a', 'd'], ['b/', 'e/'])),
  'delimiter.with-prefix': listed({ Delimiter: '/', Prefix: 'b/' }, ['b/1', 'b/2'], ['b/c/']),
  'delimiter.prefix-without-slash': listed({ Delimiter: '/', Prefix: 'b' }, [], ['b/']),
  'delimiter.of-several-characters': listed({ Delimiter: '/c/' }, ['a', 'b/1', 'b/2', 'd', 'e/4'], ['b/c/']),
  'delimiter.absent-from-keys': listed({ Delimiter: '|' }, TREE),
  'delimiter.empty-is-none': listed({ Delimiter: '' }, TREE),
  'start-after': listed({ StartAfter: 'b/2' }, ['b/c/3', 'd', 'e/4']),
  'start-after.not-a-key': listed({ StartAfter: 'b/15' }, ['b/2', 'b/c/3', 'd', 'e/4']),
  'start-after.with-prefix': listed({ StartAfter: 'b/1', Prefix: 'b/' }, ['b/2', 'b/c/3']),
  'start-after.beyond-all': listed({ StartAfter: 'zzz' }, []),
  'start-after.is-repeated': async (world) => {
    const Bucket = await filled(world, ['a', 'b']);
    const page = await world.s3.send(new ListObjectsV2Command({ Bucket, StartAfter: 'a' }));
    expect(page.StartAfter).toBe('a');
  },
  'paging.one-at-a-time': async (world) => {
    const Bucket = await filled(world);
    expect((await pages(world, { Bucket, MaxKeys: 1 })).flat()).toEqual(TREE);
  },
  'paging.page-size-divides-evenly': async (world) => {
    const Bucket = await filled(world);
    expect(await pages(world, { Bucket, MaxKeys: 3 })).toEqual([TREE.slice(0, 3), TREE.slice(3)]);
  },
  'paging.groups-count-and-come-once': async (world) => {
    const Bucket = await filled(world);
    const found = await pages(world, { Bucket, Delimiter: '/', MaxKeys: 1 });
    expect(found).toEqual([['a'], ['b/'], ['d'], ['e/']]);
  },
  'paging.token-wins-over-start-after': async (world) => {
    const Bucket = await filled(world);
    const found = await pages(world, { Bucket, StartAfter: 'a', MaxKeys: 2 });
    expect(found.flat()).toEqual(TREE.slice(1));
  },
  'paging.token-is-repeated': async (world) => {
    const Bucket = await filled(world, ['a', 'b', 'c']);
    const first = await world.s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 }));
    const ContinuationToken = first.NextContinuationToken;
    const second = await world.s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1, ContinuationToken }));
    expect(second.ContinuationToken).toBe(ContinuationToken);
  },
  'paging.bad-token-is-refused': badQuery('continuation-token', 'not a token'),
  'max-keys.zero': async (world) => {
    const Bucket = await filled(world, ['a', 'b']);
    const page = await world.s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
    expect(page).toMatchObject({ KeyCount: 0, MaxKeys: 0, IsTruncated: false });
    expect(page.Contents).toBeUndefined();
  },
  'max-keys.over-1000-gives-1000': async (world) => {
    const page = await world.s3.send(
      new ListObjectsV2Command({ Bucket: await world.bucket(), MaxKeys: 5000 }),
    );
    expect(page.MaxKeys).toBe(1000);
  },
  'max-keys.negative-is-refused': badQuery('max-keys', '-1'),
  'max-keys.not-a-number-is-refused': badQuery('max-keys', 'many'),
  'encoding.url': async (world) => {
    const Bucket = await filled(world, ['sp ace+plus%', 'ü/ß']);
    const query = [
      ['list-type', '2'],
      ['encoding-type', 'url'],
      ['delimiter', '/'],
    ] as const;
    const reply = await world.ask({ bucket: Bucket, query });
    expect(reply.xml('EncodingType')).toBe('url');
    expect(decodeURIComponent((reply.xml('Key') ?? '').replaceAll('+', ' '))).toBe('sp ace+plus%');
    expect(reply.text).toContain('<Prefix>%C3%BC/</Prefix>');
  },
  'encoding.unknown-is-refused': badQuery('encoding-type', 'base64'),
  'encoding.none-escapes-xml': async (world) => {
    const Bucket = await filled(world, [`<a>&"b"'c'`]);
    expect(shape(await world.s3.send(new ListObjectsV2Command({ Bucket }))).keys).toEqual([`<a>&"b"'c'`]);
  },
  'owner.only-when-asked': async (world) => {
    const Bucket = await filled(world, ['a']);
    const ask = async (FetchOwner: boolean) =>
      (await world.s3.send(new ListObjectsV2Command({ Bucket, FetchOwner }))).Contents?.[0]?.Owner?.ID;
    expect(await ask(true)).toBeTruthy();
    expect(await ask(false)).toBeUndefined();
  },
  'deleted-keys-are-not-listed': from(guide('DeleteMarker'), async (world) => {
    const Bucket = await filled(world, ['a', 'b'], true);
    await world.s3.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    expect(shape(await world.s3.send(new ListObjectsV2Command({ Bucket }))).keys).toEqual(['b']);
  }),
  'only-the-newest-version': async (world) => {
    const Bucket = await filled(world, ['a', 'a'], true);
    expect(shape(await world.s3.send(new ListObjectsV2Command({ Bucket }))).keys).toEqual(['a']);
  },
});

/** ListObjects, the older form. */
export const listObjectsV1: readonly ConformanceCase[] = suite('list-objects-v1', action('ListObjects'), {
  marker: async (world) => {
    const Bucket = await filled(world);
    const page = await world.s3.send(new ListObjectsCommand({ Bucket, Marker: 'b/2' }));
    expect(shape(page).keys).toEqual(['b/c/3', 'd', 'e/4']);
    expect(page.Marker).toBe('b/2');
  },
  'truncated-without-delimiter-has-no-next-marker': async (world) => {
    const Bucket = await filled(world);
    const page = await world.s3.send(new ListObjectsCommand({ Bucket, MaxKeys: 2 }));
    expect(page.IsTruncated).toBe(true);
    expect(page.NextMarker).toBeUndefined();
  },
  'truncated-with-delimiter-has-next-marker': async (world) => {
    const Bucket = await filled(world);
    const page = await world.s3.send(new ListObjectsCommand({ Bucket, MaxKeys: 2, Delimiter: '/' }));
    expect(page).toMatchObject({ IsTruncated: true, NextMarker: 'b/' });
    const { NextMarker: Marker } = page;
    const next = await world.s3.send(new ListObjectsCommand({ Bucket, Delimiter: '/', Marker }));
    expect(shape(next)).toEqual({ keys: ['d'], prefixes: ['e/'] });
  },
  'owner-is-always-there': async (world) => {
    const Bucket = await filled(world, ['a']);
    const page = await world.s3.send(new ListObjectsCommand({ Bucket }));
    expect(page.Contents?.[0]?.Owner?.ID).toBeTruthy();
  },
  'max-keys.zero': async (world) => {
    const Bucket = await filled(world, ['a']);
    const page = await world.s3.send(new ListObjectsCommand({ Bucket, MaxKeys: 0 }));
    expect(page).toMatchObject({ IsTruncated: false, MaxKeys: 0 });
    expect(page.Contents).toBeUndefined();
  },
});

/** ListObjectVersions. */
export const listVersions: readonly ConformanceCase[] = suite('list-versions', action('ListObjectVersions'), {
  'newest-first-and-latest-marked': async (world) => {
    const Bucket = await filled(world, ['a', 'a', 'b'], true);
    const { Versions = [] } = await world.s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect(Versions.map(({ Key, IsLatest }) => [Key, IsLatest])).toEqual([
      ['a', true],
      ['a', false],
      ['b', true],
    ]);
  },
  'markers-are-apart': async (world) => {
    const Bucket = await filled(world, ['a'], true);
    const { VersionId } = await world.s3.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    const page = await world.s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect(page.DeleteMarkers).toMatchObject([{ Key: 'a', IsLatest: true, VersionId }]);
    expect(page.Versions).toMatchObject([{ Key: 'a', IsLatest: false, Size: 1 }]);
  },
  'unversioned-is-null': async (world) => {
    const Bucket = await filled(world, ['a']);
    const { Versions } = await world.s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect(Versions).toMatchObject([{ Key: 'a', VersionId: 'null', IsLatest: true }]);
  },
  'prefix-and-delimiter': async (world) => {
    const Bucket = await filled(world, TREE, true);
    const page = await world.s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'b/', Delimiter: '/' }));
    expect(page.Versions?.map(({ Key }) => Key)).toEqual(['b/1', 'b/2']);
    expect(page.CommonPrefixes).toEqual([{ Prefix: 'b/c/' }]);
  },
  'key-marker-begins-after-the-key': async (world) => {
    const Bucket = await filled(world, ['a', 'a', 'b', 'c'], true);
    const page = await world.s3.send(new ListObjectVersionsCommand({ Bucket, KeyMarker: 'a' }));
    expect(page.Versions?.map(({ Key }) => Key)).toEqual(['b', 'c']);
  },
  'paging.sees-every-version-once': async (world) => {
    const Bucket = await filled(world, ['a', 'a', 'a', 'b', 'b'], true);
    await world.s3.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    const seen: (string | undefined)[] = [];
    let marker: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined = {};
    while (marker !== undefined && seen.length < 20) {
      const page: Awaited<ReturnType<typeof listPage>> = await listPage(world, Bucket, marker);
      seen.push(
        ...[...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ VersionId }) => VersionId),
      );
      const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
      marker = page.IsTruncated === true ? { KeyMarker, VersionIdMarker } : undefined;
    }
    expect(seen).toHaveLength(6);
    expect(new Set(seen).size).toBe(6);
  },
  'paging.groups-come-once': async (world) => {
    const Bucket = await filled(world, ['a/1', 'a/2', 'b/1', 'c'], true);
    const first = await world.s3.send(new ListObjectVersionsCommand({ Bucket, Delimiter: '/', MaxKeys: 1 }));
    expect(first).toMatchObject({ IsTruncated: true, CommonPrefixes: [{ Prefix: 'a/' }] });
    const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = first;
    const rest = await world.s3.send(
      new ListObjectVersionsCommand({ Bucket, Delimiter: '/', KeyMarker, VersionIdMarker }),
    );
    expect(rest.CommonPrefixes).toEqual([{ Prefix: 'b/' }]);
    expect(rest.Versions?.map(({ Key }) => Key)).toEqual(['c']);
  },
  'version-marker-alone-is-refused': async (world) => {
    const query = [
      ['versions', ''],
      ['version-id-marker', 'x'],
    ] as const;
    refusal(await world.ask({ bucket: world.versioned, query }), 400, 'InvalidArgument');
  },
  'max-keys.zero': async (world) => {
    const Bucket = await filled(world, ['a'], true);
    const page = await world.s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 0 }));
    expect(page.IsTruncated).toBe(false);
    expect(page.Versions).toBeUndefined();
  },
});

const listPage = async (world: World, Bucket: string, marker: object) =>
  await world.s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 2, ...marker }));
