import { ListPartsCommand } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { ERRORS, action } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { MIN_PART_BYTES, get, md5, md5Base64 } from './tools.ts';
import { complete, part, start, twoParts } from './multipart-tools.ts';

const gone = { UploadId: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' };
const partNumber = (number: string) => async (world: World) => {
  const { Bucket, Key, UploadId } = await start(world);
  const query = [
    ['partNumber', number],
    ['uploadId', UploadId],
  ] as const;
  const reply = await world.ask({ method: 'PUT', bucket: Bucket, key: Key, query, body: 'x' });
  refusal(reply, 400, 'InvalidArgument');
};

/** Errors of multipart uploads. */
export const multipartErrors: readonly ConformanceCase[] = suite(
  'multipart',
  action('CompleteMultipartUpload'),
  {
    'error.part-too-small': from(ERRORS, async (world) => {
      const upload = await start(world);
      const parts = [await part(world, upload, 1, 'small'), await part(world, upload, 2, 'tail')];
      await refused(complete(world, upload, parts), 400, 'EntityTooSmall');
    }),
    'error.etag-of-another-part': from(ERRORS, async (world) => {
      const upload = await start(world);
      await part(world, upload, 1, 'x');
      await refused(complete(world, upload, [{ PartNumber: 1, ETag: `"${md5('y')}"` }]), 400, 'InvalidPart');
    }),
    'error.part-never-uploaded': from(ERRORS, async (world) => {
      const upload = await start(world);
      const { ETag } = await part(world, upload, 1, 'x');
      await refused(complete(world, upload, [{ PartNumber: 2, ETag }]), 400, 'InvalidPart');
    }),
    'error.parts-in-wrong-order': from(ERRORS, async (world) => {
      const { upload, parts } = await twoParts(world);
      await refused(complete(world, upload, parts.toReversed()), 400, 'InvalidPartOrder');
    }),
    'error.part-named-twice': from(ERRORS, async (world) => {
      const { upload, parts } = await twoParts(world);
      await refused(complete(world, upload, [parts[0]!, parts[0]!, parts[1]!]), 400, 'InvalidPartOrder');
    }),
    'error.no-parts': from(ERRORS, async (world) => {
      const { Bucket, Key, UploadId } = await start(world);
      const body = '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>';
      const query = [['uploadId', UploadId]] as const;
      const reply = await world.ask({ method: 'POST', bucket: Bucket, key: Key, query, body });
      refusal(reply, 400, 'MalformedXML');
    }),
    'error.not-xml': from(ERRORS, async (world) => {
      const { Bucket, Key, UploadId } = await start(world);
      const query = [['uploadId', UploadId]] as const;
      const reply = await world.ask({ method: 'POST', bucket: Bucket, key: Key, query, body: '{}' });
      refusal(reply, 400, 'MalformedXML');
    }),
    'error.refused-complete-keeps-the-upload': async (world) => {
      const { upload, parts } = await twoParts(world);
      await refused(complete(world, upload, parts.toReversed()), 400);
      await complete(world, upload, parts);
      expect((await get(world, { Bucket: upload.Bucket, Key: upload.Key })).ContentLength).toBe(
        MIN_PART_BYTES + 1000,
      );
    },
    'error.upload-part.unknown-upload': from(action('UploadPart'), async (world) => {
      const upload = { Bucket: world.plain, Key: world.key(), ...gone };
      await refused(part(world, upload, 1, 'x'), 404, 'NoSuchUpload');
    }),
    'error.complete.unknown-upload': async (world) => {
      const upload = { Bucket: world.plain, Key: world.key(), ...gone };
      await refused(complete(world, upload, [{ PartNumber: 1, ETag: `"${md5('x')}"` }]), 404, 'NoSuchUpload');
    },
    'error.list-parts.unknown-upload': from(action('ListParts'), async (world) => {
      const call = world.s3.send(new ListPartsCommand({ Bucket: world.plain, Key: world.key(), ...gone }));
      await refused(call, 404, 'NoSuchUpload');
    }),
    'error.upload-of-another-key': from(action('UploadPart'), async (world) => {
      const upload = await start(world);
      await refused(part(world, { ...upload, Key: world.key() }, 1, 'x'), 404, 'NoSuchUpload');
    }),
    'error.part-number-zero': from(action('UploadPart'), partNumber('0')),
    'error.part-number-10001': from(action('UploadPart'), partNumber('10001')),
    'error.part-number-not-a-number': from(action('UploadPart'), partNumber('one')),
    'error.content-md5-of-a-part': from(action('UploadPart'), async (world) => {
      const upload = await start(world);
      await refused(part(world, upload, 1, 'x', { ContentMD5: md5Base64('y') }), 400, 'BadDigest');
    }),
    'error.object-size-differs': async (world) => {
      const upload = await start(world);
      const parts = [await part(world, upload, 1, 'x')];
      await refused(complete(world, upload, parts, { MpuObjectSize: 2 }), 400, 'InvalidRequest');
    },
  },
);
