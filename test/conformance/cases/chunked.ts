import { crc32 } from '@node-rs/crc32';
import { expect } from 'vitest';
import { refusal } from '../expect-error.ts';
import { api } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { send } from '../wire/send.ts';
import { amzDateOf, scopeText, sha256, signRequest, signText, signedHeaderNames } from '../wire/sign.ts';
import type { HeaderLines, Scope } from '../wire/sign.ts';
import { get, pattern } from './tools.ts';

const SIGNED = api('sigv4-streaming');
const TRAILERS = api('sigv4-streaming-trailers');
const EMPTY = sha256('');

/** The payload of every case: two chunks of the smallest size that need not be the last, and a tail. */
const CHUNKS = [pattern(8192, 1), pattern(8192, 2), pattern(100, 3)];
const PAYLOAD = Buffer.concat(CHUNKS);

/** How a chunked upload departs from a good one. */
interface Upload {
  readonly signed: boolean;
  readonly trailers?: Readonly<Record<string, string>>;
  readonly headers?: HeaderLines;
  readonly chunks?: readonly Buffer[];
  readonly decodedLength?: string | undefined;
  /** Changes the framed body. */
  readonly damage?: (body: Buffer) => Buffer;
  /** Signs chunks with another key. */
  readonly chunkSecret?: string;
  /** Signs trailers with another key. */
  readonly trailerSecret?: string;
}

async function upload(world: World, how: Upload) {
  const { target, plain } = world;
  const key = world.key();
  const path = `/${plain}/${key}`;
  const amzDate = amzDateOf(Date.now());
  const { accessKeyId, secretAccessKey } = target.credentials;
  const scope: Scope = {
    accessKeyId,
    secretAccessKey,
    region: target.region,
    service: 's3',
    amzDate,
    date: amzDate.slice(0, 8),
  };
  const kind = how.signed ? 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' : 'STREAMING-UNSIGNED-PAYLOAD';
  const payloadHash = how.trailers === undefined ? kind : `${kind}-TRAILER`;
  const chunks = how.chunks ?? CHUNKS;
  const decoded = 'decodedLength' in how ? how.decodedLength : String(Buffer.concat(chunks).length);
  const headers: [string, string][] = [
    ['host', new URL(target.endpoint).host],
    ['x-amz-content-sha256', payloadHash],
    ['x-amz-date', amzDate],
    ...(how.headers ?? []).map(([name, value]) => [name, value] as [string, string]),
  ];
  if (!(how.headers ?? []).some(([name]) => name === 'content-encoding'))
    headers.push(['content-encoding', 'aws-chunked']);
  if (decoded !== undefined) headers.push(['x-amz-decoded-content-length', decoded]);
  if (how.trailers !== undefined) headers.push(['x-amz-trailer', Object.keys(how.trailers).join(',')]);
  const token = target.credentials.sessionToken;
  if (token !== undefined) headers.push(['x-amz-security-token', token]);
  const signature = signRequest(scope, { method: 'PUT', path, query: [], headers, payloadHash });
  const framed = frame(chunks, signature, scope, how);
  const body = how.damage === undefined ? framed : how.damage(framed);
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scopeText(scope)}, SignedHeaders=${signedHeaderNames(headers)}, Signature=${signature}`;
  headers.push(['authorization', authorization], ['content-length', String(body.length)]);
  const reply = await send({ endpoint: target.endpoint, method: 'PUT', target: path, headers, body });
  return { reply, where: { Bucket: plain, Key: key } };
}

function frame(chunks: readonly Buffer[], seed: string, scope: Scope, how: Upload): Buffer {
  const pieces: Buffer[] = [];
  let previous = seed;
  const signer = { ...scope, secretAccessKey: how.chunkSecret ?? scope.secretAccessKey };
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    const size = chunk.length.toString(16);
    if (how.signed) {
      const text = [
        'AWS4-HMAC-SHA256-PAYLOAD',
        scope.amzDate,
        scopeText(scope),
        previous,
        EMPTY,
        sha256(chunk),
      ];
      previous = signText(signer, text.join('\n'));
      pieces.push(Buffer.from(`${size};chunk-signature=${previous}\r\n`));
    } else pieces.push(Buffer.from(`${size}\r\n`));
    if (chunk.length > 0) pieces.push(chunk, Buffer.from('\r\n'));
  }
  const trailers = Object.entries(how.trailers ?? {});
  for (const [name, value] of trailers) pieces.push(Buffer.from(`${name}:${value}\r\n`));
  if (how.signed && how.trailers !== undefined) {
    const lines = trailers.map(([name, value]) => `${name}:${value}\n`).join('');
    const text = ['AWS4-HMAC-SHA256-TRAILER', scope.amzDate, scopeText(scope), previous, sha256(lines)];
    const trailerSigner = { ...scope, secretAccessKey: how.trailerSecret ?? scope.secretAccessKey };
    pieces.push(Buffer.from(`x-amz-trailer-signature:${signText(trailerSigner, text.join('\n'))}\r\n`));
  }
  pieces.push(Buffer.from('\r\n'));
  return Buffer.concat(pieces);
}

function crcTrailer(payload: Buffer = PAYLOAD): Record<string, string> {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(payload));
  return { 'x-amz-checksum-crc32': bytes.toString('base64') };
}

const stored = (how: Upload) => async (world: World) => {
  const { reply, where } = await upload(world, how);
  expect(reply.status, reply.text).toBe(200);
  const { bytes } = await get(world, where);
  expect(bytes.equals(Buffer.concat(how.chunks ?? CHUNKS))).toBe(true);
};

const denied = (status: number, code: string, how: Upload) => async (world: World) => {
  const { reply, where } = await upload(world, how);
  refusal(reply, status, code);
  expect((await world.ask({ bucket: where.Bucket, key: where.Key })).status).toBe(404);
};

const encoding = (sent: string, kept: string | undefined) => async (world: World) => {
  const { reply, where } = await upload(world, { signed: true, headers: [['content-encoding', sent]] });
  expect(reply.status).toBe(200);
  const { headers } = await world.ask({ bucket: where.Bucket, key: where.Key });
  expect(headers['content-encoding']).toBe(kept);
};

/** Uploads in aws-chunked framing. */
export const chunked: readonly ConformanceCase[] = suite('chunked', SIGNED, {
  signed: stored({ signed: true }),
  'signed.empty': stored({ signed: true, chunks: [] }),
  'signed.one-short-chunk': stored({ signed: true, chunks: [Buffer.from('short')] }),
  'signed.chunk-changed-is-403': denied(403, 'SignatureDoesNotMatch', {
    signed: true,
    damage: (body) => Buffer.from(body.map((byte, at) => (at === 5000 ? byte ^ 1 : byte))),
  }),
  'signed.chunk-signed-by-another-is-403': denied(403, 'SignatureDoesNotMatch', {
    signed: true,
    chunkSecret: 'guess',
  }),
  'signed.cut-short-is-refused': denied(400, 'IncompleteBody', {
    signed: true,
    damage: (body) => body.subarray(0, 9000),
  }),
  'signed.decoded-length-too-large-is-refused': denied(400, 'IncompleteBody', {
    signed: true,
    decodedLength: String(PAYLOAD.length + 1),
  }),
  'signed.decoded-length-missing-is-411': denied(411, 'MissingContentLength', {
    signed: true,
    decodedLength: undefined,
  }),
  'signed.small-chunk-in-the-middle-is-refused': denied(403, 'InvalidChunkSizeError', {
    signed: true,
    chunks: [pattern(8192), pattern(100), pattern(8192)],
  }),
  'encoding.aws-chunked-is-not-kept': encoding('aws-chunked', undefined),
  'encoding.others-are-kept': encoding('aws-chunked,x-own', 'x-own'),
  'signed-trailer': from(TRAILERS, stored({ signed: true, trailers: crcTrailer() })),
  'signed-trailer.checksum-wrong-is-refused': from(
    TRAILERS,
    denied(400, 'BadDigest', { signed: true, trailers: crcTrailer(pattern(9)) }),
  ),
  'signed-trailer.signature-wrong-is-403': from(
    TRAILERS,
    denied(403, 'SignatureDoesNotMatch', { signed: true, trailers: crcTrailer(), trailerSecret: 'guess' }),
  ),
  'unsigned-trailer': from(TRAILERS, stored({ signed: false, trailers: crcTrailer() })),
  'unsigned-trailer.checksum-wrong-is-refused': from(
    TRAILERS,
    denied(400, 'BadDigest', { signed: false, trailers: crcTrailer(pattern(9)) }),
  ),
  'unsigned-trailer.cut-short-is-refused': from(
    TRAILERS,
    denied(400, 'IncompleteBody', {
      signed: false,
      trailers: crcTrailer(),
      damage: (body) => body.subarray(0, 9000),
    }),
  ),
  'unsigned-trailer.announced-but-absent-is-refused': from(
    TRAILERS,
    denied(400, 'MalformedTrailerError', {
      signed: false,
      trailers: crcTrailer(),
      damage: (body) =>
        Buffer.concat([body.subarray(0, body.indexOf('x-amz-checksum')), Buffer.from('\r\n')]),
    }),
  ),
  'unsigned-trailer.small-chunk-in-the-middle-is-refused': from(
    TRAILERS,
    denied(403, 'InvalidChunkSizeError', {
      signed: false,
      chunks: [pattern(100), pattern(8192)],
      trailers: crcTrailer(Buffer.concat([pattern(100), pattern(8192)])),
    }),
  ),
});
