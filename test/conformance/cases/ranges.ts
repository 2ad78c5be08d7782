import { expect } from 'vitest';
import { refusal } from '../expect-error.ts';
import { action } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import type { Reply } from '../wire/send.ts';
import type { HeaderLines } from '../wire/sign.ts';
import { put } from './tools.ts';

const RFC = 'https://www.rfc-editor.org/rfc/rfc9110#section-14';
const BYTES = '0123456789';

async function ranged(world: World, range: string, more: HeaderLines = [], body = BYTES): Promise<Reply> {
  const { Bucket, Key } = await put(world, body);
  return await world.ask({ bucket: Bucket, key: Key, headers: [['range', range], ...more] });
}

const partial = (range: string, contentRange: string, text: string) => async (world: World) => {
  const reply = await ranged(world, range);
  expect({ status: reply.status, text: reply.text }).toEqual({ status: 206, text });
  expect(reply.headers).toMatchObject({
    'content-range': contentRange,
    'content-length': String(text.length),
    'accept-ranges': 'bytes',
  });
  expect(reply.headers['etag']).toBeTruthy();
};

const whole = (range: string) => async (world: World) => {
  const reply = await ranged(world, range);
  expect({ status: reply.status, text: reply.text }).toEqual({ status: 200, text: BYTES });
  expect(reply.headers['content-range']).toBeUndefined();
};

const unsatisfiable =
  (range: string, body = BYTES) =>
  async (world: World) => {
    refusal(await ranged(world, range, [], body), 416, 'InvalidRange');
  };

/** Range and If-Range in all their forms. */
export const ranges: readonly ConformanceCase[] = suite('get-object.range', action('GetObject'), {
  'first-last': partial('bytes=2-5', 'bytes 2-5/10', '2345'),
  'first-byte': partial('bytes=0-0', 'bytes 0-0/10', '0'),
  'last-byte': partial('bytes=9-9', 'bytes 9-9/10', '9'),
  'all-bytes-is-206': partial('bytes=0-9', 'bytes 0-9/10', BYTES),
  'open-ended': partial('bytes=7-', 'bytes 7-9/10', '789'),
  'open-from-zero-is-206': partial('bytes=0-', 'bytes 0-9/10', BYTES),
  suffix: partial('bytes=-3', 'bytes 7-9/10', '789'),
  'suffix-longer-than-object': partial('bytes=-99', 'bytes 0-9/10', BYTES),
  'end-beyond-object': partial('bytes=8-99', 'bytes 8-9/10', '89'),
  'start-at-size-is-416': unsatisfiable('bytes=10-'),
  'start-beyond-size-is-416': unsatisfiable('bytes=50-60'),
  'suffix-zero-is-416': unsatisfiable('bytes=-0'),
  'any-of-an-empty-object-is-416': unsatisfiable('bytes=0-', ''),
  '416-names-size-and-range': async (world) => {
    const reply = await ranged(world, 'bytes=50-60');
    expect(reply.xml('ActualObjectSize')).toBe('10');
    expect(reply.xml('RangeRequested')).toBe('bytes=50-60');
  },
  'several-ranges-give-the-whole': whole('bytes=0-1,4-5'),
  'inverted-gives-the-whole': from(RFC, whole('bytes=5-2')),
  'other-unit-gives-the-whole': from(RFC, whole('items=0-1')),
  'not-a-range-gives-the-whole': from(RFC, whole('bytes=a-b')),
  'if-match-holds': async (world) => {
    const { Bucket, Key, ETag } = await put(world, BYTES);
    const headers = [
      ['range', 'bytes=1-2'],
      ['if-match', ETag],
    ] as const;
    const reply = await world.ask({ bucket: Bucket, key: Key, headers });
    expect({ status: reply.status, text: reply.text }).toEqual({ status: 206, text: '12' });
  },
  'if-match-fails-is-412': async (world) => {
    const reply = await ranged(world, 'bytes=1-2', [['if-match', '"00000000000000000000000000000000"']]);
    refusal(reply, 412, 'PreconditionFailed');
  },
  'if-range.same-etag-is-206': from(RFC, async (world) => {
    const { Bucket, Key, ETag } = await put(world, BYTES);
    const reply = await world.ask({
      bucket: Bucket,
      key: Key,
      headers: [
        ['range', 'bytes=1-2'],
        ['if-range', ETag],
      ],
    });
    expect(reply.status).toBe(206);
  }),
  'if-range.other-etag-is-200': from(
    'https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5',
    async (world) => {
      const reply = await ranged(world, 'bytes=1-2', [['if-range', '"00000000000000000000000000000000"']]);
      expect({ status: reply.status, text: reply.text }).toEqual({ status: 200, text: BYTES });
    },
  ),
  'part-number-one-of-a-single-upload': async (world) => {
    const { Bucket, Key } = await put(world, BYTES);
    const reply = await world.ask({ bucket: Bucket, key: Key, query: [['partNumber', '1']] });
    expect(reply).toMatchObject({ status: 206, text: BYTES });
  },
  'part-number-beyond-is-416': async (world) => {
    const { Bucket, Key } = await put(world, BYTES);
    const reply = await world.ask({ bucket: Bucket, key: Key, query: [['partNumber', '2']] });
    expect(reply.status).toBe(416);
  },
  'with-part-number-is-refused': async (world) => {
    const { Bucket, Key } = await put(world, BYTES);
    const query = [['partNumber', '1']] as const;
    const reply = await world.ask({ bucket: Bucket, key: Key, query, headers: [['range', 'bytes=0-1']] });
    refusal(reply, 400, 'InvalidRequest');
  },
});
