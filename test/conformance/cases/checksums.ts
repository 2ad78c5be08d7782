import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { ChecksumAlgorithm, ChecksumType } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import { Readable } from 'node:stream';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { action, guide } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { complete, part, start } from './multipart-tools.ts';
import { MIN_PART_BYTES, get, pattern, put } from './tools.ts';

/** Checksums of the nine digits `123456789`: the check values of the CRCs' catalogue, and of FIPS 180. */
const CHECK_BODY = '123456789';
const CHECK: Readonly<Record<string, string>> = {
  CRC32: 'y/Q5Jg==',
  CRC32C: '4waSgw==',
  CRC64NVME: Buffer.from('ae8b14860a799888', 'hex').toString('base64'),
  SHA1: sum('sha1'),
  SHA256: sum('sha256'),
};

function sum(algorithm: string): string {
  return createHash(algorithm).update(CHECK_BODY).digest('base64');
}

const header = (algorithm: string): string => `x-amz-checksum-${algorithm.toLowerCase()}`;

async function putByHand(world: World, headers: readonly (readonly [string, string])[]) {
  const key = world.key();
  const reply = await world.ask({ method: 'PUT', bucket: world.plain, key, headers, body: CHECK_BODY });
  return { reply, key };
}

const kept = (algorithm: string) => async (world: World) => {
  const value = CHECK[algorithm] ?? '';
  const { reply, key } = await putByHand(world, [[header(algorithm), value]]);
  expect(reply.status).toBe(200);
  expect(reply.headers[header(algorithm)]).toBe(value);
  const headers = [['x-amz-checksum-mode', 'ENABLED']] as const;
  const got = await world.ask({ bucket: world.plain, key, headers });
  expect(got.headers).toMatchObject({ [header(algorithm)]: value, 'x-amz-checksum-type': 'FULL_OBJECT' });
};

const wrong = (algorithm: string) => async (world: World) => {
  const bytes = Buffer.from(CHECK[algorithm] ?? '', 'base64');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  const { reply, key } = await putByHand(world, [[header(algorithm), bytes.toString('base64')]]);
  refusal(reply, 400, 'BadDigest');
  expect((await world.ask({ bucket: world.plain, key })).status).toBe(404);
};

const trailer = (algorithm: ChecksumAlgorithm) => async (world: World) => {
  const client = world.client({ requestChecksumCalculation: 'WHEN_SUPPORTED' });
  const where = { Bucket: world.plain, Key: world.key() };
  const Body = Readable.from([Buffer.from(CHECK_BODY)]);
  const input = { ...where, Body, ContentLength: CHECK_BODY.length, ChecksumAlgorithm: algorithm };
  const answer = await client.send(new PutObjectCommand(input));
  expect(answer).toMatchObject({ [`Checksum${algorithm}`]: CHECK[algorithm] });
  expect((await get(world, where)).text).toBe(CHECK_BODY);
};

const multipart =
  (ChecksumAlgorithm: ChecksumAlgorithm, ChecksumType: ChecksumType) => async (world: World) => {
    const where = { Bucket: world.plain, Key: world.key() };
    const { s3 } = world;
    const created = await s3.send(
      new CreateMultipartUploadCommand({ ...where, ChecksumAlgorithm, ChecksumType }),
    );
    expect(created).toMatchObject({ ChecksumAlgorithm, ChecksumType });
    const upload = { ...where, UploadId: created.UploadId };
    const bodies = [pattern(MIN_PART_BYTES, 11), pattern(2000, 12)];
    const Parts: Record<string, unknown>[] = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const input = { ...upload, PartNumber, Body, ChecksumAlgorithm };
      const { ETag, ...answer } = await s3.send(new UploadPartCommand(input));
      const name = `Checksum${ChecksumAlgorithm}` as const;
      Parts.push({ PartNumber, ETag, [name]: answer[name as keyof typeof answer] });
    }
    const done = await s3.send(
      new CompleteMultipartUploadCommand({ ...upload, ChecksumType, MultipartUpload: { Parts } }),
    );
    expect(done.ChecksumType).toBe(ChecksumType);
    const value = done[`Checksum${ChecksumAlgorithm}` as keyof typeof done];
    if (ChecksumType === 'COMPOSITE') expect(value).toMatch(/-2$/);
    const known = expectedValue(ChecksumAlgorithm, ChecksumType, bodies);
    if (known !== undefined) expect(value).toBe(known);
    const head = await s3.send(new HeadObjectCommand({ ...where, ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({ ChecksumType, [`Checksum${ChecksumAlgorithm}`]: value });
  };

/** The object's checksum where Node can tell; the CRCs that it cannot are told by the SDK when it reads. */
function expectedValue(algorithm: string, type: string, bodies: readonly Buffer[]): string | undefined {
  if (type === 'FULL_OBJECT') {
    if (algorithm !== 'CRC32') return undefined;
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc32(Buffer.concat(bodies)));
    return bytes.toString('base64');
  }
  if (!algorithm.startsWith('SHA')) return undefined;
  const hash = (data: Buffer): Buffer => createHash(algorithm.toLowerCase()).update(data).digest();
  return `${hash(Buffer.concat(bodies.map(hash))).toString('base64')}-${bodies.length}`;
}

/** Additional checksums: in headers, in trailers, of multipart uploads, on reads. */
export const checksums: readonly ConformanceCase[] = suite(
  'checksum',
  guide('checking-object-integrity-upload'),
  {
    'header.crc32': kept('CRC32'),
    'header.crc32c': kept('CRC32C'),
    'header.crc64nvme': kept('CRC64NVME'),
    'header.sha1': kept('SHA1'),
    'header.sha256': kept('SHA256'),
    'header.crc32-wrong': wrong('CRC32'),
    'header.crc32c-wrong': wrong('CRC32C'),
    'header.crc64nvme-wrong': wrong('CRC64NVME'),
    'header.sha1-wrong': wrong('SHA1'),
    'header.sha256-wrong': wrong('SHA256'),
    'header.malformed-is-InvalidRequest': from(action('PutObject'), async (world) => {
      refusal(
        (await putByHand(world, [['x-amz-checksum-crc32', 'not base64']])).reply,
        400,
        'InvalidRequest',
      );
    }),
    'header.two-are-refused': from(action('PutObject'), async (world) => {
      const headers = ['CRC32', 'SHA256'].map((name) => [header(name), CHECK[name] ?? ''] as const);
      refusal((await putByHand(world, headers)).reply, 400, 'InvalidRequest');
    }),
    'header.announced-but-absent-is-refused': from(action('PutObject'), async (world) => {
      refusal(
        (await putByHand(world, [['x-amz-sdk-checksum-algorithm', 'CRC32']])).reply,
        400,
        'InvalidRequest',
      );
    }),
    'trailer.crc32': trailer('CRC32'),
    'trailer.crc32c': trailer('CRC32C'),
    'trailer.crc64nvme': trailer('CRC64NVME'),
    'trailer.sha1': trailer('SHA1'),
    'trailer.sha256': trailer('SHA256'),
    'read.without-mode-says-nothing': from(action('GetObject'), async (world) => {
      const { Bucket, Key } = await put(world, 'x', { ChecksumAlgorithm: 'CRC32' });
      const { headers } = await world.ask({ bucket: Bucket, key: Key });
      expect(headers['x-amz-checksum-crc32']).toBeUndefined();
    }),
    'read.head-with-mode': from(action('HeadObject'), async (world) => {
      const { Bucket, Key } = await put(world, CHECK_BODY, { ChecksumAlgorithm: 'CRC32' });
      const head = await world.s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
      expect(head).toMatchObject({ ChecksumCRC32: CHECK['CRC32'], ChecksumType: 'FULL_OBJECT' });
    }),
    'read.verified-by-the-sdk': from(action('GetObject'), async (world) => {
      const { Bucket, Key } = await put(world, pattern(50_000), { ChecksumAlgorithm: 'CRC32C' });
      const client = world.client({ responseChecksumValidation: 'WHEN_SUPPORTED' });
      const { Body, ChecksumCRC32C } = await client.send(new GetObjectCommand({ Bucket, Key }));
      expect(ChecksumCRC32C).toBeTruthy();
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(pattern(50_000))).toBe(true);
    }),
    'default-is-crc64nvme': async (world) => {
      const { key } = await putByHand(world, []);
      const headers = [['x-amz-checksum-mode', 'ENABLED']] as const;
      const got = await world.ask({ bucket: world.plain, key, headers });
      expect(got.headers['x-amz-checksum-crc64nvme']).toBe(CHECK['CRC64NVME']);
    },
    'multipart.full-object.crc32': multipart('CRC32', 'FULL_OBJECT'),
    'multipart.full-object.crc32c': multipart('CRC32C', 'FULL_OBJECT'),
    'multipart.full-object.crc64nvme': multipart('CRC64NVME', 'FULL_OBJECT'),
    'multipart.composite.crc32': multipart('CRC32', 'COMPOSITE'),
    'multipart.composite.crc32c': multipart('CRC32C', 'COMPOSITE'),
    'multipart.composite.sha1': multipart('SHA1', 'COMPOSITE'),
    'multipart.composite.sha256': multipart('SHA256', 'COMPOSITE'),
    'multipart.full-object.sha256-is-refused': async (world) => {
      const call = start(world, { ChecksumAlgorithm: 'SHA256', ChecksumType: 'FULL_OBJECT' });
      await refused(call, 400, 'InvalidRequest');
    },
    'multipart.composite.crc64nvme-is-refused': async (world) => {
      const call = start(world, { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'COMPOSITE' });
      await refused(call, 400, 'InvalidRequest');
    },
    'multipart.wrong-object-checksum-is-BadDigest': from(action('CompleteMultipartUpload'), async (world) => {
      const kind = { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } as const;
      const upload = await start(world, kind);
      const parts = [await part(world, upload, 1, CHECK_BODY, { ChecksumAlgorithm: 'CRC32' })];
      const claim = { ChecksumType: 'FULL_OBJECT', ChecksumCRC32: 'AAAAAA==' };
      await refused(complete(world, upload, parts, claim), 400, 'BadDigest');
    }),
    'multipart.part-in-another-algorithm-is-refused': from(action('UploadPart'), async (world) => {
      const upload = await start(world, { ChecksumAlgorithm: 'SHA256' });
      await refused(
        part(world, upload, 1, CHECK_BODY, { ChecksumAlgorithm: 'CRC32' }),
        400,
        'InvalidRequest',
      );
    }),
  },
);
