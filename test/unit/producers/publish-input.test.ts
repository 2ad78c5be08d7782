import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { planPublish, type PublishInput } from '../../../producers/publish-input.ts';
import { systemClock } from '../../../shared/clock.ts';
import { EventParseError } from '../../../shared/errors.ts';

const options = { producer: 'billing', clock: systemClock, idRandom: undefined };
const plan = async (input: unknown) => await planPublish(input as PublishInput, options);
const named = { buffer: Buffer.of(1), name: 'x' };

describe('planPublish', () => {
  it('fills in source, time and id', async () => {
    const { skeleton } = await planPublish(
      { type: 'a' },
      { ...options, clock: { ...systemClock, nowMs: () => 0 } },
    );
    expect(skeleton).toMatchObject({ source: 'billing', time: '1970-01-01T00:00:00.000Z' });
    expect(skeleton.id).toMatch(/^00000000-0000-7/);
  });

  it('takes a copy of the data', async () => {
    const data = { list: [1] };
    const { skeleton } = await plan({ type: 'a', data });
    data.list.push(2);
    expect(skeleton.data).toMatchObject({ list: [1] });
  });

  it('does not touch a stream', async () => {
    const stream = Readable.from([Buffer.of(1)]);
    await plan({ type: 'a', attachments: [{ stream, name: 'x' }] });
    expect(stream.readableDidRead).toBe(false);
  });

  it.each<[string, unknown, string]>([
    ['no object', undefined, 'publish: got undefined'],
    [
      'a time that is none',
      { type: 'a', time: new Date(Number.NaN) },
      'time: got an object, expected a valid Date',
    ],
    ['data that is a list', { type: 'a', data: [] }, 'data: got an array'],
    ['data with attachments', { type: 'a', data: { attachments: [] } }, 'data.attachments'],
    ['data with a manifest', { type: 'a', data: { manifest: 1 } }, 'data.manifest'],
    ['data with a BigInt', { type: 'a', data: { n: 1n } }, 'not JSON'],
    ['attachments that are no list', { type: 'a', attachments: 'x' }, 'attachments: got "x"'],
    ['too many attachments', { type: 'a', attachments: Array.from({ length: 10_001 }) }, 'got 10001'],
    ['a type of dots', { type: '..' }, 'type: got ".."'],
    ['no source of bytes', { type: 'a', attachments: [{ name: 'x' }] }, 'attachments[0]: got none of them'],
    ['two sources', { type: 'a', attachments: [{ ...named, path: 'y' }] }, 'got path and buffer'],
    ['null', { type: 'a', attachments: [null] }, 'attachments[0]: got null'],
    ['no name', { type: 'a', attachments: [{ buffer: Buffer.of(1) }] }, 'attachments[0].name: got undefined'],
    [
      'a buffer that is text',
      { type: 'a', attachments: [{ ...named, buffer: 'x' }] },
      'attachments[0].buffer',
    ],
    [
      'a stream that is none',
      { type: 'a', attachments: [{ stream: {}, name: 'x' }] },
      'attachments[0].stream',
    ],
    [
      'a stream that was destroyed',
      { type: 'a', attachments: [{ stream: Readable.from([]).destroy(), name: 'x' }] },
      'a fresh one',
    ],
    [
      'a size that is none',
      { type: 'a', attachments: [{ stream: Readable.from([]), name: 'x', size: -1 }] },
      '[0].size',
    ],
    ['a missing file', { type: 'a', attachments: [{ path: '/no/such/file' }] }, '"/no/such/file" (ENOENT)'],
    ['a directory', { type: 'a', attachments: [{ path: '/' }] }, 'is a directory'],
    ['a device', { type: 'a', attachments: [{ path: '/dev/null' }] }, 'is no regular file'],
    ['an id of dots', { type: 'a', attachments: [{ ...named, id: '..' }] }, 'attachments[0].id: got ".."'],
    ["the manifest's id", { type: 'a', attachments: [{ ...named, id: 'manifest' }] }, 'reserved'],
    [
      'an id twice',
      { type: 'a', attachments: [named, { ...named, id: '1' }] },
      'attachments[1].id: got "1" again',
    ],
  ])('refuses %s', async (_, input, message) => {
    const planning = plan(input);
    await expect(planning).rejects.toThrow(message);
    await expect(planning).rejects.toSatisfy(
      (e: unknown) => e instanceof TypeError || e instanceof RangeError,
    );
  });

  it.each<[string, unknown, string]>([
    ['a type with a space', { type: 'a b' }, 'type: got "a b"'],
    ["AWS's source", { type: 'a', source: 'aws.s3' }, 'source: got "aws.s3"'],
    ['an id that is no UUIDv7', { type: 'a', id: 'x' }, 'id: got "x"'],
    ['a traceparent that is none', { type: 'a', traceparent: 'x' }, 'traceparent: got "x"'],
    [
      'a name that climbs',
      { type: 'a', attachments: [{ ...named, name: '../x' }] },
      'attachments[0].name: got "../x"',
    ],
    [
      'a media type that is none',
      { type: 'a', attachments: [{ ...named, mediaType: 'x' }] },
      'mediaType: got "x"',
    ],
  ])('refuses %s as the schema does', async (_, input, message) => {
    const planning = plan(input);
    await expect(planning).rejects.toBeInstanceOf(EventParseError);
    await expect(planning).rejects.toThrow(message);
  });
});
