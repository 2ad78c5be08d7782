import { describe, expect, it } from 'vitest';
import {
  bufferSource,
  resolveUploadOptions,
  streamSource,
  upload,
  UploadTransportError,
  type UploadFailure,
  type UploadSource,
  type UploadTransport,
} from '../../../../producers/index.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { UploadConflictError, UploadError } from '../../../../shared/errors.ts';
import { silentLogger } from '../../../../shared/logger.ts';

const MIB = 1024 ** 2;
const stored = { etag: '"e"', versionId: 'v1', crc32c: undefined };

/** A transport that does as told, and remembers what it was asked. */
function fakeTransport(overrides: Partial<UploadTransport> = {}) {
  const asked: string[] = [];
  const base: UploadTransport = {
    putObject: async () => stored,
    createMultipart: async () => 'u1',
    uploadPart: async ({ partNumber }) => `e${partNumber}`,
    complete: async () => stored,
    abort: async () => {},
    head: async () => undefined,
  };
  const merged = { ...base, ...overrides };
  const transport = Object.fromEntries(
    Object.entries(merged).map(([name, work]) => [
      name,
      async (...args: never[]) => {
        asked.push(name);
        return await (work as (...args: never[]) => Promise<unknown>)(...args);
      },
    ]),
  ) as unknown as UploadTransport;
  return { transport, asked };
}

const fail = (failure: UploadFailure) => async (): Promise<never> => {
  throw new UploadTransportError(failure, `it is ${failure}`);
};

async function send(transport: UploadTransport, source: UploadSource, extra: object = {}) {
  const options = resolveUploadOptions({
    partSizeBytes: 5 * MIB,
    multipartThresholdBytes: 5 * MIB,
    retry: { maxAttempts: 3, backoffBaseMs: 0, backoffCapMs: 0 },
    ...extra,
  });
  const target = { bucket: 'b', key: 'k', mediaType: 'text/plain' };
  return await upload(source, target, {
    transport,
    options,
    clock: systemClock,
    random: () => 0,
    logger: silentLogger,
  });
}

const small = (): UploadSource => bufferSource(Buffer.from('hello'));
const big = (): UploadSource => bufferSource(Buffer.alloc(11 * MIB));
async function* bigStream(): AsyncGenerator<Buffer> {
  for (let n = 0; n < 11; n += 1) yield Buffer.alloc(MIB);
}

describe('upload', () => {
  it('puts a conflicting PutObject again', async () => {
    let calls = 0;
    const { transport } = fakeTransport({
      putObject: async () => {
        calls += 1;
        return calls === 1 ? await fail('conflict')() : stored;
      },
    });
    expect(await send(transport, small())).toMatchObject({ versionId: 'v1', size: 5 });
  });

  it('starts a file again, once, when completing it conflicts', async () => {
    let completions = 0;
    const { transport, asked } = fakeTransport({
      complete: async () => {
        completions += 1;
        return completions === 1 ? await fail('conflict')() : stored;
      },
    });
    expect(await send(transport, big())).toMatchObject({ parts: 3, versionId: 'v1' });
    expect(asked.filter((name) => name === 'createMultipart')).toHaveLength(2);
    expect(asked.filter((name) => name === 'abort')).toHaveLength(1);
  });

  it('fails when completing conflicts again, or when the source is a stream', async () => {
    for (const [source, creations] of [
      [big(), 2],
      [streamSource(bigStream()), 1],
    ] as const) {
      const { transport, asked } = fakeTransport({ complete: fail('conflict') });
      await expect(send(transport, source)).rejects.toBeInstanceOf(UploadError);
      expect(asked.filter((name) => name === 'createMultipart')).toHaveLength(creations);
      expect(asked.filter((name) => name === 'abort')).toHaveLength(creations);
    }
  });

  it('takes the object that stands there after NoSuchUpload, if it is ours', async () => {
    const head = { sizeBytes: 11 * MIB, crc32c: '', etag: '"h"', versionId: 'v7' };
    const { crc32c } = await send(fakeTransport().transport, big());
    const { transport, asked } = fakeTransport({
      complete: fail('no-upload'),
      head: async () => ({ ...head, crc32c }),
    });
    expect(await send(transport, big())).toMatchObject({ versionId: 'v7', etag: '"h"' });
    expect(asked).not.toContain('abort');
  });

  it('takes its own parts back when an equal object was there before', async () => {
    const { crc32c } = await send(fakeTransport().transport, big());
    const { transport, asked } = fakeTransport({
      complete: fail('exists'),
      head: async () => ({ sizeBytes: 11 * MIB, crc32c, etag: undefined, versionId: 'v7' }),
    });
    expect(await send(transport, big())).toMatchObject({ versionId: 'v7' });
    expect(asked).toContain('abort');
  });

  it.each([
    ['another size', { sizeBytes: 6, crc32c: 'mnG7TA==' }],
    ['another checksum', { sizeBytes: 5, crc32c: 'AAAAAA==' }],
    ['no checksum', { sizeBytes: 5, crc32c: undefined }],
  ])('fails with a conflict over an object with %s', async (_, head) => {
    const { transport } = fakeTransport({
      putObject: fail('exists'),
      head: async () => ({ etag: '"h"', versionId: 'v7', ...head }),
    });
    await expect(send(transport, small())).rejects.toBeInstanceOf(UploadConflictError);
  });

  it('fails with an UploadError when S3 refuses, yet holds nothing', async () => {
    const { transport } = fakeTransport({ putObject: fail('exists') });
    await expect(send(transport, small())).rejects.toThrow(/there is no object/);
  });

  it('fails when S3 answers another checksum than the one sent', async () => {
    const { transport } = fakeTransport({ putObject: async () => ({ ...stored, crc32c: 'AAAAAA==' }) });
    await expect(send(transport, small())).rejects.toThrow(/holds CRC32C AAAAAA==/);
  });

  it.each([undefined, 'null', ''])('asks for versioning when the versionId is %j', async (versionId) => {
    const { transport } = fakeTransport({ putObject: async () => ({ ...stored, versionId }) });
    await expect(send(transport, small())).rejects.toThrow(/enable versioning/);
  });

  it('does not try a permanent failure again', async () => {
    const { transport, asked } = fakeTransport({ putObject: fail('permanent') });
    await expect(send(transport, small())).rejects.toThrow(
      /upload of buffer to s3:\/\/b\/k failed: it is permanent/,
    );
    expect(asked).toEqual(['putObject']);
  });

  it('fails with its own error when taking back fails too', async () => {
    const { transport } = fakeTransport({ uploadPart: fail('permanent'), abort: fail('transient') });
    await expect(send(transport, big())).rejects.toThrow(/it is permanent/);
  });

  it('keeps at most its concurrency of parts under way, in buffers that are used again', async () => {
    let [underWay, most] = [0, 0];
    const buffers = new Set<ArrayBufferLike>();
    const { transport } = fakeTransport({
      uploadPart: async ({ body, partNumber }) => {
        buffers.add(body.buffer);
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise(setImmediate);
        underWay -= 1;
        return `e${partNumber}`;
      },
    });
    const source = bufferSource(Buffer.alloc(60 * MIB));
    expect(await send(transport, source, { concurrency: 2 })).toMatchObject({ parts: 12 });
    expect(most).toBe(2);
    expect(buffers.size).toBeLessThanOrEqual(3);
  });

  it('completes with the parts in order, the checksum of the whole and its size', async () => {
    let request: unknown;
    const { transport } = fakeTransport({
      complete: async (given) => {
        request = given;
        return stored;
      },
    });
    const { crc32c } = await send(transport, streamSource(bigStream()));
    expect(request).toMatchObject({ uploadId: 'u1', crc32c, sizeBytes: 11 * MIB });
    expect(
      (request as { parts: { partNumber: number }[] }).parts.map(({ partNumber }) => partNumber),
    ).toEqual([1, 2, 3]);
  });

  it('refuses chunks that are no bytes', async () => {
    async function* text(): AsyncGenerator<Uint8Array> {
      yield 'text' as unknown as Uint8Array;
    }
    await expect(send(fakeTransport().transport, streamSource(text()))).rejects.toThrow(
      /gave "text", expected/,
    );
  });

  it('refuses a stream that was read before', async () => {
    const source = streamSource(bigStream());
    await send(fakeTransport().transport, source);
    await expect(send(fakeTransport().transport, source)).rejects.toThrow(/read before/);
  });
});
