import {
  AbortMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { ListMultipartUploadsCommandInput } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { action, guide } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { MIN_PART_BYTES, get, md5, pattern, put } from './tools.ts';
import { complete, part, start, twoParts } from './multipart-tools.ts';

const listUploads = async (world: World, input: ListMultipartUploadsCommandInput) =>
  await world.s3.send(new ListMultipartUploadsCommand(input));

/** Multipart uploads that succeed, and what is listed and copied. */
export const multipart: readonly ConformanceCase[] = suite('multipart', action('CompleteMultipartUpload'), {
  'two-parts.bytes': async (world) => {
    const { upload, parts, body } = await twoParts(world);
    await complete(world, upload, parts);
    const got = await get(world, { Bucket: upload.Bucket, Key: upload.Key });
    expect(got.ContentLength).toBe(body.length);
    expect(got.bytes.equals(body)).toBe(true);
  },
  'two-parts.etag-is-md5-of-md5s-and-count': from(
    guide('checking-object-integrity-upload'),
    async (world) => {
      const { upload, parts, bodies } = await twoParts(world);
      await complete(world, upload, parts);
      const digests = bodies.map((bytes) => createHash('md5').update(bytes).digest());
      const { ETag } = await get(world, { Bucket: upload.Bucket, Key: upload.Key });
      expect(ETag).toBe(`"${md5(Buffer.concat(digests))}-2"`);
    },
  ),
  'two-parts.complete-answers-the-etag': async (world) => {
    const { upload, parts } = await twoParts(world);
    const { ETag } = await complete(world, upload, parts);
    expect((await get(world, { Bucket: upload.Bucket, Key: upload.Key })).ETag).toBe(ETag);
  },
  'two-parts.read-by-part-number': from(action('GetObject'), async (world) => {
    const { upload, parts, bodies } = await twoParts(world);
    await complete(world, upload, parts);
    const { Bucket, Key } = upload;
    const second = await get(world, { Bucket, Key, PartNumber: 2 });
    expect(second).toMatchObject({ PartsCount: 2, ContentLength: 1000 });
    expect(second.ContentRange).toBe(
      `bytes ${MIN_PART_BYTES}-${MIN_PART_BYTES + 999}/${MIN_PART_BYTES + 1000}`,
    );
    expect(second.bytes.equals(bodies[1])).toBe(true);
  }),
  'two-parts.range-across-the-seam': from(action('GetObject'), async (world) => {
    const { upload, parts, body } = await twoParts(world);
    await complete(world, upload, parts);
    const { Bucket, Key } = upload;
    const Range = `bytes=${MIN_PART_BYTES - 10}-${MIN_PART_BYTES + 9}`;
    const { bytes } = await get(world, { Bucket, Key, Range });
    expect(bytes.equals(body.subarray(MIN_PART_BYTES - 10, MIN_PART_BYTES + 10))).toBe(true);
  }),
  'two-parts.part-number-beyond-is-416': from(action('GetObject'), async (world) => {
    const { upload, parts } = await twoParts(world);
    await complete(world, upload, parts);
    const query = [['partNumber', '3']] as const;
    const reply = await world.ask({ bucket: upload.Bucket, key: upload.Key, query });
    refusal(reply, 416, 'InvalidPartNumber');
  }),
  'single-part.etag-ends-with-1': async (world) => {
    const upload = await start(world);
    const parts = [await part(world, upload, 1, 'only')];
    await complete(world, upload, parts);
    expect((await get(world, { Bucket: upload.Bucket, Key: upload.Key })).ETag).toMatch(/-1"$/);
  },
  'numbers-may-have-gaps': from(guide('mpuoverview'), async (world) => {
    const upload = await start(world);
    const parts = [
      await part(world, upload, 3, pattern(MIN_PART_BYTES)),
      await part(world, upload, 9999, 'tail'),
    ];
    await complete(world, upload, parts);
    const { ContentLength } = await world.s3.send(
      new HeadObjectCommand({ Bucket: upload.Bucket, Key: upload.Key }),
    );
    expect(ContentLength).toBe(MIN_PART_BYTES + 4);
  }),
  'parts-left-out-are-not-in-the-object': async (world) => {
    const { upload, parts } = await twoParts(world);
    await complete(world, upload, parts.slice(1));
    expect((await get(world, { Bucket: upload.Bucket, Key: upload.Key })).ContentLength).toBe(1000);
  },
  'part-uploaded-again-replaces': from(action('UploadPart'), async (world) => {
    const upload = await start(world);
    await part(world, upload, 1, 'first');
    const parts = [await part(world, upload, 1, 'second')];
    await complete(world, upload, parts);
    expect((await get(world, { Bucket: upload.Bucket, Key: upload.Key })).text).toBe('second');
  }),
  'etag-without-quotes-is-taken': async (world) => {
    const upload = await start(world);
    const { ETag = '' } = await part(world, upload, 1, 'x');
    await complete(world, upload, [{ PartNumber: 1, ETag: ETag.replaceAll('"', '') }]);
    expect((await get(world, { Bucket: upload.Bucket, Key: upload.Key })).text).toBe('x');
  },
  'not-visible-before-complete': from(guide('mpuoverview'), async (world) => {
    const { upload } = await twoParts(world);
    await refused(world.s3.send(new HeadObjectCommand({ Bucket: upload.Bucket, Key: upload.Key })), 404);
  }),
  'metadata-is-that-of-create': from(action('CreateMultipartUpload'), async (world) => {
    const upload = await start(world, {
      ContentType: 'text/own',
      Metadata: { a: '1' },
      CacheControl: 'no-cache',
    });
    await complete(world, upload, [await part(world, upload, 1, 'x')]);
    const got = await get(world, { Bucket: upload.Bucket, Key: upload.Key });
    expect(got).toMatchObject({ ContentType: 'text/own', Metadata: { a: '1' }, CacheControl: 'no-cache' });
  }),
  'versioned-answers-with-an-id': async (world) => {
    const upload = await start(world, { Bucket: world.versioned });
    const { VersionId } = await complete(world, upload, [await part(world, upload, 1, 'x')]);
    const { Bucket, Key } = upload;
    expect((await get(world, { Bucket, Key, VersionId })).text).toBe('x');
  },
  'answer-names-bucket-key-location': async (world) => {
    const upload = await start(world);
    const answer = await complete(world, upload, [await part(world, upload, 1, 'x')]);
    expect(answer).toMatchObject({ Bucket: upload.Bucket, Key: upload.Key, Location: expect.any(String) });
  },
  'condition.if-none-match-creates': from(guide('conditional-writes'), async (world) => {
    const upload = await start(world);
    await complete(world, upload, [await part(world, upload, 1, 'x')], { IfNoneMatch: '*' });
    expect((await get(world, { Bucket: upload.Bucket, Key: upload.Key })).text).toBe('x');
  }),
  'condition.if-none-match-exists-is-412': from(guide('conditional-writes'), async (world) => {
    const { Bucket, Key } = await put(world, 'first');
    const upload = await start(world, { Bucket, Key });
    const parts = [await part(world, upload, 1, 'x')];
    await refused(complete(world, upload, parts, { IfNoneMatch: '*' }), 412, 'PreconditionFailed');
    expect((await get(world, { Bucket, Key })).text).toBe('first');
  }),
  'abort.ends-the-upload': from(action('AbortMultipartUpload'), async (world) => {
    const upload = await start(world);
    await part(world, upload, 1, 'x');
    const { $metadata } = await world.s3.send(new AbortMultipartUploadCommand(upload));
    expect($metadata.httpStatusCode).toBe(204);
    await refused(part(world, upload, 2, 'y'), 404, 'NoSuchUpload');
  }),
  'abort.twice-is-404': from(action('AbortMultipartUpload'), async (world) => {
    const upload = await start(world);
    await world.s3.send(new AbortMultipartUploadCommand(upload));
    await refused(world.s3.send(new AbortMultipartUploadCommand(upload)), 404, 'NoSuchUpload');
  }),
  'list-parts.number-size-etag': from(action('ListParts'), async (world) => {
    const { upload, parts } = await twoParts(world);
    const { Parts = [], StorageClass } = await world.s3.send(new ListPartsCommand(upload));
    expect(StorageClass).toBe('STANDARD');
    expect(Parts).toMatchObject([
      { ...parts[0], Size: MIN_PART_BYTES },
      { ...parts[1], Size: 1000 },
    ]);
  }),
  'list-parts.paging': from(action('ListParts'), async (world) => {
    const upload = await start(world);
    for (const number of [1, 2, 5]) await part(world, upload, number, `part ${number}`);
    const first = await world.s3.send(new ListPartsCommand({ ...upload, MaxParts: 2 }));
    expect(first).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '2', MaxParts: 2 });
    const next = await world.s3.send(new ListPartsCommand({ ...upload, PartNumberMarker: '2' }));
    expect(next.IsTruncated).toBe(false);
    expect(next.Parts?.map(({ PartNumber }) => PartNumber)).toEqual([5]);
  }),
  'list-uploads.by-key': from(action('ListMultipartUploads'), async (world) => {
    const Bucket = await world.bucket();
    for (const Key of ['b', 'a/1', 'a/2']) await start(world, { Bucket, Key });
    const { Uploads } = await world.s3.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(Uploads?.map(({ Key }) => Key)).toEqual(['a/1', 'a/2', 'b']);
  }),
  'list-uploads.prefix-and-delimiter': from(action('ListMultipartUploads'), async (world) => {
    const Bucket = await world.bucket();
    for (const Key of ['b', 'a/1', 'a/2']) await start(world, { Bucket, Key });
    const page = await world.s3.send(new ListMultipartUploadsCommand({ Bucket, Delimiter: '/' }));
    expect(page.Uploads?.map(({ Key }) => Key)).toEqual(['b']);
    expect(page.CommonPrefixes).toEqual([{ Prefix: 'a/' }]);
  }),
  'list-uploads.paging': from(action('ListMultipartUploads'), async (world) => {
    const Bucket = await world.bucket();
    const made = new Set<string>();
    for (const Key of ['a', 'a', 'b']) made.add((await start(world, { Bucket, Key })).UploadId);
    const seen = new Set<string | undefined>();
    let marker: Partial<ListMultipartUploadsCommandInput> | undefined = {};
    for (let page = 0; marker !== undefined && page < 5; page += 1) {
      const answer = await listUploads(world, { Bucket, MaxUploads: 1, ...marker });
      for (const { UploadId } of answer.Uploads ?? []) seen.add(UploadId);
      const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = answer;
      marker = answer.IsTruncated === true ? { KeyMarker, UploadIdMarker } : undefined;
    }
    expect(seen).toEqual(made);
  }),
  'copy.whole-object': from(action('UploadPartCopy'), async (world) => {
    const { Bucket, Key } = await put(world, pattern(5000));
    const upload = await start(world);
    const CopySource = `${Bucket}/${Key}`;
    const { CopyPartResult } = await world.s3.send(
      new UploadPartCopyCommand({ ...upload, PartNumber: 1, CopySource }),
    );
    await complete(world, upload, [{ PartNumber: 1, ETag: CopyPartResult?.ETag }]);
    const got = await get(world, { Bucket: upload.Bucket, Key: upload.Key });
    expect(got.bytes.equals(pattern(5000))).toBe(true);
  }),
  'copy.range': from(action('UploadPartCopy'), async (world) => {
    const { Bucket, Key } = await put(world, '0123456789');
    const upload = await start(world);
    const input = { CopySource: `${Bucket}/${Key}`, CopySourceRange: 'bytes=2-5' };
    const { CopyPartResult } = await world.s3.send(
      new UploadPartCopyCommand({ ...upload, ...input, PartNumber: 1 }),
    );
    expect(CopyPartResult?.ETag?.replaceAll('"', '')).toBe(md5('2345'));
  }),
  'copy.range-beyond-source-is-refused': from(action('UploadPartCopy'), async (world) => {
    const { Bucket, Key } = await put(world, '0123456789');
    const upload = await start(world);
    const input = { CopySource: `${Bucket}/${Key}`, CopySourceRange: 'bytes=5-20' };
    const call = world.s3.send(new UploadPartCopyCommand({ ...upload, ...input, PartNumber: 1 }));
    await refused(call, 400, 'InvalidArgument');
  }),
  'copy.missing-source-is-404': from(action('UploadPartCopy'), async (world) => {
    const upload = await start(world);
    const CopySource = `${world.plain}/${world.key()}`;
    const call = world.s3.send(new UploadPartCopyCommand({ ...upload, CopySource, PartNumber: 1 }));
    await refused(call, 404, 'NoSuchKey');
  }),
  'copy.source-condition-fails-is-412': from(action('UploadPartCopy'), async (world) => {
    const { Bucket, Key, ETag } = await put(world);
    const upload = await start(world);
    const input = { CopySource: `${Bucket}/${Key}`, CopySourceIfNoneMatch: ETag, PartNumber: 1 };
    await refused(
      world.s3.send(new UploadPartCopyCommand({ ...upload, ...input })),
      412,
      'PreconditionFailed',
    );
  }),
});
