import { Sha256 } from './sha256.ts';
import { SignatureV4 } from '@smithy/signature-v4';
import { request } from 'node:http';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChecksum } from '../../../../local/s3/checksum.ts';
import { deriveSigningKey, sha256Hex, signString, EMPTY_SHA256 } from '../../../../shared/sigv4-encoding.ts';
import { credentials, errorCode, startS3 } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3();
  await s3.service.createBucket('bucket');
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
});

const signer = new SignatureV4({
  service: 's3',
  region: 'eu-west-1',
  credentials,
  sha256: Sha256,
  uriEscapePath: false,
  applyChecksum: false,
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Sends a signed request whose body may be anything at all. */
async function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: Buffer | ((signature: string, amzDate: string) => Buffer) = Buffer.alloc(0),
): Promise<Answer> {
  const signed = await signer.sign({
    method,
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: s3.port,
    path,
    query: {},
    headers: { host: `127.0.0.1:${s3.port}`, ...headers },
  });
  const signature = signed.headers['authorization']!.split('Signature=')[1]!;
  const bytes = typeof body === 'function' ? body(signature, signed.headers['x-amz-date']!) : body;
  return await new Promise((resolve, reject) => {
    const req = request(
      {
        host: '127.0.0.1',
        port: s3.port,
        method,
        path,
        headers: { ...signed.headers, 'content-length': bytes.length },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => void chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString() }),
        );
      },
    );
    req.on('error', reject);
    req.end(bytes);
  });
}

/** Long enough that its first chunk need not be the last. */
const text = `${'.'.repeat(8192)}streamed in chunks`;
const hasher = createChecksum('CRC32C');
hasher.update(Buffer.from(text));
const crc = hasher.digest();
const plain = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };

async function read(key: string): Promise<Answer> {
  return await send('GET', `/bucket/${key}`, plain);
}

/** A streamed body, signed chunk by chunk with a signed trailer. */
function signedBody(seedSignature: string, amzDate: string, trailer: string): Buffer {
  const date = amzDate.slice(0, 8);
  const key = deriveSigningKey(credentials.secretAccessKey, date, 'eu-west-1', 's3');
  const scope = `${date}/eu-west-1/s3/aws4_request`;
  let previous = seedSignature;
  const frame = (chunk: string): string => {
    previous = signString(
      key,
      ['AWS4-HMAC-SHA256-PAYLOAD', amzDate, scope, previous, EMPTY_SHA256, sha256Hex(chunk)].join('\n'),
    );
    return `${chunk.length.toString(16)};chunk-signature=${previous}\r\n${chunk}${chunk === '' ? '' : '\r\n'}`;
  };
  const line = `x-amz-checksum-crc32c:${trailer}\n`;
  const chunks = frame(text.slice(0, 8200)) + frame(text.slice(8200)) + frame('');
  const last = signString(
    key,
    ['AWS4-HMAC-SHA256-TRAILER', amzDate, scope, previous, sha256Hex(line)].join('\n'),
  );
  return Buffer.from(`${chunks}${line.trim()}\r\nx-amz-trailer-signature:${last}\r\n\r\n`);
}

const streaming = (mode: string): Record<string, string> => ({
  'x-amz-content-sha256': mode,
  'content-encoding': 'aws-chunked',
  'x-amz-decoded-content-length': String(text.length),
  'x-amz-trailer': 'x-amz-checksum-crc32c',
});

describe('streamed bodies', () => {
  const unsigned = (trailer: string): Buffer =>
    Buffer.from(`${text.length.toString(16)}\r\n${text}\r\n0\r\nx-amz-checksum-crc32c:${trailer}\r\n\r\n`);

  it('takes an unsigned body with a checksum trailer', async () => {
    const headers = streaming('STREAMING-UNSIGNED-PAYLOAD-TRAILER');
    expect((await send('PUT', '/bucket/unsigned', headers, unsigned(crc))).status).toBe(200);
    expect((await read('unsigned')).text).toBe(text);
  });

  it('takes a signed body with a signed trailer', async () => {
    const headers = streaming('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER');
    const answer = await send('PUT', '/bucket/signed', headers, (signature, date) =>
      signedBody(signature, date, crc),
    );
    expect(answer).toMatchObject({ status: 200 });
    expect((await read('signed')).text).toBe(text);
  });

  it('fails for corrupt trailers, chunks and lengths, and keeps nothing', async () => {
    const trailer = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
    const chunked = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';
    const corrupt = (signature: string, date: string): Buffer =>
      Buffer.from(signedBody(signature, date, crc).toString().replace('chunks\r\n', 'chunkz\r\n'));
    const blobs = async (): Promise<number> =>
      (await readdir(join(s3.dir, 'blobs'), { recursive: true })).filter((name) => name.length > 32).length;
    const before = await blobs();
    const attempts: [string, Answer][] = [
      ['BadDigest', await send('PUT', '/bucket/corrupt', streaming(trailer), unsigned('AAAAAA=='))],
      ['SignatureDoesNotMatch', await send('PUT', '/bucket/corrupt', streaming(chunked), corrupt)],
      [
        'IncompleteBody',
        await send(
          'PUT',
          '/bucket/corrupt',
          { ...streaming(trailer), 'x-amz-decoded-content-length': '5' },
          unsigned(crc),
        ),
      ],
      [
        'MalformedTrailerError',
        await send(
          'PUT',
          '/bucket/corrupt',
          streaming(trailer),
          Buffer.from(`${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`),
        ),
      ],
    ];
    for (const [code, answer] of attempts) expect(errorCode(answer.text)).toBe(code);
    expect((await read('corrupt')).status).toBe(404);
    expect(await blobs()).toBe(before);
  });
});

describe('plain bodies', () => {
  it('holds the signed SHA-256 against the bytes', async () => {
    const headers = { 'x-amz-content-sha256': sha256Hex('right') };
    const wrong = await send('PUT', '/bucket/hashed', headers, Buffer.from('wrong'));
    expect(errorCode(wrong.text)).toBe('XAmzContentSHA256Mismatch');
    expect((await send('PUT', '/bucket/hashed', headers, Buffer.from('right'))).status).toBe(200);
  });

  it('answers 501 to headers that ask for more than it does', async () => {
    for (const [name, value] of [
      ['x-amz-server-side-encryption', 'aws:kms'],
      ['x-amz-object-lock-mode', 'COMPLIANCE'],
      ['x-amz-acl', 'public-read'],
      ['x-amz-storage-class', 'GLACIER'],
    ] as const) {
      const answer = await send('PUT', '/bucket/more', { ...plain, [name]: value }, Buffer.from('x'));
      expect([answer.status, errorCode(answer.text)]).toEqual([501, 'NotImplemented']);
    }
    expect((await read('more')).status).toBe(404);
  });

  it('answers before a large body that it refuses was sent, and lets the client hear it', async () => {
    const answer = await send('PUT', '/nobody/x', plain, Buffer.alloc(8 * 1024 * 1024));
    expect(errorCode(answer.text)).toBe('NoSuchBucket');
  });

  it('refuses more than 5 GiB by its length alone', async () => {
    const headers = { ...streaming('STREAMING-UNSIGNED-PAYLOAD-TRAILER') };
    headers['x-amz-decoded-content-length'] = String(5 * 1024 ** 3 + 1);
    expect(errorCode((await send('PUT', '/bucket/huge', headers)).text)).toBe('EntityTooLarge');
  });
});
