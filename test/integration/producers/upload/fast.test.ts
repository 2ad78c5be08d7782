import { randomBytes } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalStack } from '../../../../local/index.ts';
import {
  bufferSource,
  createUploadTransport,
  resolveUploadOptions,
  streamSource,
  upload,
  UploadTransportError,
  type UploadOptions,
} from '../../../../producers/index.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { crc32c, crc32cToBase64 } from '../../../../shared/crc32c.ts';
import { silentLogger } from '../../../../shared/logger.ts';
import { chunksOf, MIB, pattern, s3For, startStack } from '../harness.ts';
import { hastyServer, relay, scriptedServer } from './sockets.ts';

const retry = { maxAttempts: 4, backoffBaseMs: 1, backoffCapMs: 5 };
const fixedKeys = { accessKeyId: 'a', secretAccessKey: 's' };

/** A transport over plain sockets to a port. */
function fastTo(port: number, credentials: object = fixedKeys, extra: UploadOptions = {}) {
  return createUploadTransport({
    store: { bucket: 'payloads', region: 'us-east-1', endpoint: `http://127.0.0.1:${port}`, pathStyle: true },
    credentials: credentials as typeof fixedKeys,
    transport: 'fast',
    ...(extra.attemptTimeoutMs === undefined ? {} : { attemptTimeoutMs: extra.attemptTimeoutMs }),
  });
}

const context = (transport: ReturnType<typeof fastTo>, extra: UploadOptions = {}) => ({
  transport,
  options: resolveUploadOptions({
    partSizeBytes: 5 * MIB,
    multipartThresholdBytes: 5 * MIB,
    retry,
    ...extra,
  }),
  clock: systemClock,
  random: Math.random,
  logger: silentLogger,
});

const small = { bucket: 'payloads', key: 'k', mediaType: 'text/plain', body: Buffer.from('hello') };
const put = { ...small, crc32c: crc32cToBase64(crc32c(small.body)) };
const part = { ...put, uploadId: 'u', partNumber: 1 };
const OK = 'HTTP/1.1 200 OK\r\nETag: "e"\r\nx-amz-version-id: v\r\nContent-Length: 0\r\n\r\n';

describe('the fast transport against S3', () => {
  let stack: LocalStack;
  let s3: S3Client;
  let port: number;
  beforeAll(async () => {
    stack = await startStack();
    s3 = s3For(stack);
    port = Number(new URL(stack.endpoint).port);
  });
  afterAll(async () => {
    s3.destroy();
    await stack.close();
  });
  afterEach(() => stack.faults.clear());

  const stored = async (Key: string): Promise<Buffer> => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'payloads', Key }));
    return Buffer.from(await Body!.transformToByteArray());
  };

  it.each(['plain', "odd a+b/ü %2F'()!*~&=?#", 'dots/../and/./more//'])(
    'stores whole payloads and parts at the key %j',
    async (key) => {
      const transport = fastTo(port, stack.credentials);
      for (const [name, bytes] of [
        ['whole', pattern(3000)],
        ['parts', pattern(11 * MIB + 3)],
        ['empty', Buffer.alloc(0)],
      ] as const) {
        const target = { bucket: 'payloads', key: `${key}/${name}`, mediaType: 'text/csv' };
        const result = await upload(bufferSource(bytes), target, context(transport));
        const head = await s3.send(
          new HeadObjectCommand({ Bucket: 'payloads', Key: target.key, ChecksumMode: 'ENABLED' }),
        );
        expect(head).toMatchObject({
          VersionId: result.versionId,
          ETag: result.etag,
          ContentType: 'text/csv',
          ChecksumCRC32C: result.crc32c,
          ChecksumType: 'FULL_OBJECT',
        });
        expect((await stored(target.key)).equals(bytes)).toBe(true);
      }
      transport.close?.();
    },
  );

  it('leaves the digest out when nobody asks for it', async () => {
    const transport = fastTo(port, stack.credentials);
    const target = { bucket: 'payloads', key: 'undigested', mediaType: 'text/csv' };
    const result = await upload(streamSource(chunksOf(pattern(6 * MIB))), target, {
      ...context(transport),
      digest: false,
    });
    expect(result).toMatchObject({ digest: undefined, size: 6 * MIB, parts: 2, resumedParts: 0 });
    transport.close?.();
  });

  it('gets BadDigest for bytes that are not those of the checksum', async () => {
    const transport = fastTo(port, stack.credentials);
    const uploadId = await transport.createMultipart({ ...small, key: 'flipped' });
    const flipped = Buffer.from(small.body);
    flipped[2]! ^= 1;
    const failing = transport.uploadPart({ ...part, key: 'flipped', uploadId, body: flipped });
    await expect(failing).rejects.toMatchObject({ failure: 'transient', cause: { name: 'BadDigest' } });
    const whole = transport.putObject({ ...put, key: 'flipped', body: flipped });
    await expect(whole).rejects.toThrow(/PutObject s3:\/\/payloads\/flipped: BadDigest \(400\)/);
    await transport.abort({ bucket: 'payloads', key: 'flipped', uploadId });
    transport.close?.();
  });

  it('survives a byte that is flipped on the way', async () => {
    const bytes = pattern(11 * MIB);
    let passed = 0;
    await using middle = await relay(port, (chunk) => {
      passed += chunk.length;
      if (passed < 2 * MIB || passed > 2 * MIB + chunk.length) return chunk;
      const changed = Buffer.from(chunk);
      changed[changed.length - 1]! ^= 0x10;
      return changed;
    });
    const transport = fastTo(middle.port, stack.credentials);
    const target = { bucket: 'payloads', key: 'through', mediaType: 'text/csv' };
    const refused = stack.spy.records('s3').length;
    await upload(bufferSource(bytes), target, context(transport));
    const since = stack.spy.records('s3').slice(refused);
    expect(
      since.filter(({ operation, status }) => operation === 'UploadPart' && status === 400),
    ).toHaveLength(1);
    expect((await stored('through')).equals(bytes)).toBe(true);
    transport.close?.();
  });

  it('uses at most as many connections as parts are under way', async () => {
    await using middle = await relay(port, (chunk) => chunk);
    const transport = fastTo(middle.port, stack.credentials);
    const target = { bucket: 'payloads', key: 'few', mediaType: 'text/csv' };
    await upload(bufferSource(pattern(31 * MIB)), target, context(transport, { concurrency: 2 }));
    expect(middle.sockets.length).toBeLessThanOrEqual(2);
    transport.close?.();
  });

  it('learns the clock of S3', async () => {
    const skewed = createUploadTransport({
      store: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint, pathStyle: true },
      credentials: stack.credentials,
      clock: { nowMs: () => Date.now() + 3_600_000 },
    });
    const target = { bucket: 'payloads', key: 'late', mediaType: 'text/csv' };
    expect(await upload(bufferSource(small.body), target, context(skewed))).toMatchObject({ size: 5 });
    skewed.close?.();
  });

  it('asks for credentials again when S3 says that the session is over', async () => {
    stack.faults.add({
      match: { operation: 'PutObject' },
      faults: { kind: 'status', status: 400, code: 'ExpiredToken' },
    });
    let asked = 0;
    const transport = createUploadTransport({
      store: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint, pathStyle: true },
      credentials: async () => {
        asked += 1;
        return stack.credentials;
      },
    });
    await upload(
      bufferSource(small.body),
      { bucket: 'payloads', key: 'session', mediaType: 'a/b' },
      context(transport),
    );
    expect(asked).toBe(2);
    transport.close?.();
  });

  it('finds nothing where nothing is, and fails for good on a refusal', async () => {
    const transport = fastTo(port, stack.credentials);
    expect(await transport.head({ bucket: 'payloads', key: 'nothing' })).toBeUndefined();
    const foreign = fastTo(port, { ...stack.credentials, secretAccessKey: 'wrong' });
    await expect(foreign.putObject(put)).rejects.toMatchObject({ failure: 'permanent' });
    await expect(foreign.head(put)).rejects.toMatchObject({ failure: 'permanent' });
    await expect(transport.head({ bucket: 'other', key: 'k' })).rejects.toThrow(TypeError);
    transport.close?.();
    foreign.close?.();
  });

  it('fails before it sends a media type that would end its header', async () => {
    const transport = fastTo(port, stack.credentials);
    const evil = { ...put, mediaType: 'a/b\r\nx-evil: 1' };
    await expect(transport.putObject(evil)).rejects.toThrow(/printable ASCII/);
  });
});

describe('the fast transport against servers that misbehave', () => {
  it.each([
    ['no HTTP', 'what?\r\n\r\n'],
    ['no length', 'HTTP/1.1 200 OK\r\nETag: "e"\r\n\r\n'],
    ['no etag', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['more than one reply', OK + OK],
    ['500', 'HTTP/1.1 500 Internal\r\nContent-Length: 0\r\n\r\n'],
    ['429', 'HTTP/1.1 429 Slower\r\nContent-Length: 0\r\n\r\n'],
    [
      'SlowDown in chunks',
      'HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n1d\r\n<Error><Code>SlowDown</Code></\r\n0\r\n\r\n',
    ],
  ])('takes %s for transient', async (_, answer) => {
    await using server = await scriptedServer(() => answer);
    const transport = fastTo(server.port);
    await expect(transport.uploadPart(part)).rejects.toMatchObject({ failure: 'transient' });
    transport.close?.();
  });

  it.each([
    [301, '<Error><Code>PermanentRedirect</Code></Error>', 'permanent'],
    [302, '', 'permanent'],
    [403, '<Error><Code>AccessDenied</Code><Message>no</Message></Error>', 'permanent'],
    [404, '<Error><Code>NoSuchUpload</Code></Error>', 'no-upload'],
    [409, '<Error><Code>ConditionalRequestConflict</Code></Error>', 'conflict'],
    [412, '<Error><Code>PreconditionFailed</Code></Error>', 'exists'],
    [200, '  \n<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>', 'transient'],
    [200, '<CompleteMultipartUploadResult/>', 'transient'],
  ])('takes %i %j to Complete for %s', async (status, body, failure) => {
    await using server = await scriptedServer(
      () => `HTTP/1.1 ${status} X\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const transport = fastTo(server.port);
    const request = { ...part, parts: [{ ...part, etag: 'e' }], sizeBytes: 5 };
    await expect(transport.complete(request)).rejects.toMatchObject({ failure });
    transport.close?.();
  });

  it('takes an early refusal at its word, and does not use the connection again', async () => {
    const body = randomBytes(8 * MIB);
    const refusal = '<Error><Code>SlowDown</Code></Error>';
    await using server = await hastyServer(
      `HTTP/1.1 503 X\r\nContent-Length: ${refusal.length}\r\n\r\n${refusal}`,
    );
    const transport = fastTo(server.port);
    for (let n = 1; n <= 2; n += 1) {
      await expect(transport.uploadPart({ ...part, body })).rejects.toThrow(/SlowDown \(503\)/);
      expect(server.sockets).toHaveLength(n);
    }
    transport.close?.();
  });

  it('does not take an early success at its word', async () => {
    await using server = await hastyServer(OK);
    const transport = fastTo(server.port);
    const failing = transport.uploadPart({ ...part, body: randomBytes(8 * MIB) });
    await expect(failing).rejects.toMatchObject({ failure: 'transient' });
  });

  it('sends a request again at once when its idle connection was closed meanwhile', async () => {
    await using server = await scriptedServer((index) => (index === 1 ? undefined : OK));
    const transport = fastTo(server.port);
    expect(await transport.uploadPart(part)).toBe('"e"');
    expect(await transport.uploadPart(part)).toBe('"e"');
    expect(server.sockets).toHaveLength(2);
    transport.close?.();
  });

  it('fails when a new connection closes without an answer, or cannot be had', async () => {
    const server = await scriptedServer(() => undefined);
    const transport = fastTo(server.port);
    await expect(transport.uploadPart(part)).rejects.toMatchObject({ failure: 'transient' });
    expect(server.sockets).toHaveLength(1);
    await server[Symbol.asyncDispose]();
    await expect(transport.uploadPart(part)).rejects.toMatchObject({ failure: 'transient' });
  });

  it('gives up on a server that never answers, and keeps no connection', async () => {
    await using server = await scriptedServer(() => '');
    const transport = fastTo(server.port, fixedKeys, { attemptTimeoutMs: 50 });
    await expect(transport.uploadPart(part)).rejects.toMatchObject({ failure: 'transient' });
    await expect(transport.uploadPart(part)).rejects.toThrow(/no answer within 50 ms/);
    expect(server.sockets).toHaveLength(2);
  });

  it("rejects with the signal's reason mid-request", async () => {
    const controller = new AbortController();
    const reason = { not: 'an error' };
    await using server = await scriptedServer(() => {
      controller.abort(reason);
      return '';
    });
    const transport = fastTo(server.port);
    await expect(transport.uploadPart(part, controller.signal)).rejects.toBe(reason);
    await expect(transport.uploadPart(part, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('never shows a signature or a secret in its errors', async () => {
    await using server = await scriptedServer(() => 'HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n');
    const transport = fastTo(server.port, { ...fixedKeys, sessionToken: 'tok' });
    const error = await transport.uploadPart(part).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(UploadTransportError);
    expect((error as Error).message).not.toMatch(/Signature|Credential|tok\b/);
    transport.close?.();
  });
});
