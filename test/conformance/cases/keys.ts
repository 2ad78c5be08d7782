import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { guide } from '../sources.ts';
import { suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { get, put } from './tools.ts';

/** Written, listed, read, described and deleted by the SDK under exactly this name. */
const livesAs = (Key: string) => async (world: World) => {
  const Bucket = await world.bucket();
  await put(world, Key, { Bucket, Key });
  const { Contents } = await world.s3.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }));
  expect(Contents?.map((entry) => decodeURIComponent((entry.Key ?? '').replaceAll('+', ' ')))).toEqual([Key]);
  expect((await get(world, { Bucket, Key })).text).toBe(Key);
  await world.s3.send(new HeadObjectCommand({ Bucket, Key }));
  await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
  expect((await world.s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
};

const differ = (one: string, other: string) => async (world: World) => {
  const Bucket = await world.bucket();
  for (const Key of [one, other]) await put(world, Key, { Bucket, Key });
  expect((await get(world, { Bucket, Key: one })).text).toBe(one);
  expect((await get(world, { Bucket, Key: other })).text).toBe(other);
};

/** Names of objects. */
export const keys: readonly ConformanceCase[] = suite('key', guide('object-keys'), {
  spaces: livesAs(' a  b '),
  plus: livesAs('a+b+c'),
  percent: livesAs('50%'),
  'percent-sequence': livesAs('a%2Fb%20c'),
  'ampersand-and-angle-brackets': livesAs(`<a>&amp;"b"'c'`),
  'question-and-hash': livesAs('a?b=c#d'),
  backslash: livesAs('a\\b'),
  unicode: livesAs('grüße/日本語/Ελλάδα'),
  emoji: livesAs('😀/👩‍👩‍👧'),
  'control-characters': livesAs('a\u0001b\u0009c'),
  'double-slash': livesAs('a//b///c'),
  'leading-slash': livesAs('/a'),
  'only-a-slash': livesAs('/'),
  'trailing-slash': livesAs('a/'),
  dot: livesAs('.'),
  'dot-dot': livesAs('..'),
  'dot-segments': livesAs('a/../b/./c'),
  'dot-dot-first': livesAs('../../etc/passwd'),
  'like-a-subresource': livesAs('tagging'),
  '1024-bytes': livesAs('k'.repeat(1024)),
  '1024-bytes-of-two-byte-characters': livesAs('ü'.repeat(512)),
  '1025-bytes-are-refused': async (world) => {
    const input = { Bucket: world.plain, Key: 'k'.repeat(1025), Body: 'x' };
    await refused(world.s3.send(new PutObjectCommand(input)), 400, 'KeyTooLongError');
  },
  '1025-bytes-of-other-characters-are-refused': async (world) => {
    const reply = await world.ask({
      method: 'PUT',
      bucket: world.plain,
      key: `${'ü'.repeat(512)}k`,
      body: 'x',
    });
    refusal(reply, 400, 'KeyTooLongError');
  },
  'case-differs': differ('Name', 'name'),
  'composed-and-decomposed-differ': differ('\u00fcber', 'u\u0308ber'),
  'name-and-folder-of-that-name-differ': differ('a', 'a/'),
  'object-below-an-object': differ('a', 'a/b'),
  'slash-and-its-escape-differ': differ('a/b', 'a%2Fb'),
});
