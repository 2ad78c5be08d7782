import { getEventListeners } from 'node:events';
import { appendFileSync, createReadStream, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalStack } from '../../../local/index.ts';
import { mintEventId } from '../../../producers/index.ts';
import { systemClock } from '../../../shared/clock.ts';
import { UploadConflictError, UploadError } from '../../../shared/errors.ts';
import { chunksOf, download, MIB, pattern, publisherFor, s3For, startStack } from './harness.ts';

describe('uploads that meet faults', () => {
  let stack: LocalStack;
  let s3: S3Client;
  let dir: string;
  beforeAll(async () => {
    stack = await startStack();
    s3 = s3For(stack);
    dir = await mkdtemp(join(tmpdir(), 'waybill-upload-'));
  });
  afterAll(async () => {
    s3.destroy();
    await stack.close();
    await rm(dir, { recursive: true });
  });
  afterEach(async () => {
    stack.faults.clear();
    const left = await openUploads();
    if (left.length > 0) throw new Error(`${left.length} multipart uploads were left open`);
  });

  const openUploads = async (bucket = 'payloads'): Promise<unknown[]> => {
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    return Uploads;
  };
  const fault = (operation: string, ...rules: object[]): void => {
    for (const rule of rules) {
      stack.faults.add({
        match: { service: 's3', operation },
        faults: { kind: 'status', status: 503 },
        ...rule,
      });
    }
  };
  const requests = (operation: string): number =>
    stack.spy.records('s3').filter((record) => record.operation === operation).length;
  const big = pattern(11 * MIB + 3);

  it('completes parts into one object whose full CRC32C S3 has verified', async () => {
    await using publisher = publisherFor(stack);
    const { event } = await publisher.publish({ type: 'a', attachments: [{ buffer: big, name: 'x.csv' }] });
    const { key: Key, checksum, versionId: VersionId, etag } = event.data.attachments[0]!;
    const head = await s3.send(
      new HeadObjectCommand({ Bucket: 'payloads', Key, VersionId, ChecksumMode: 'ENABLED' }),
    );
    expect(head).toMatchObject({
      ChecksumType: 'FULL_OBJECT',
      ChecksumCRC32C: checksum!.value,
      ContentType: 'text/csv',
      ContentLength: big.length,
      ETag: etag,
    });
  });

  it('sends parts again that got 503, and only those', async () => {
    await using publisher = publisherFor(stack);
    fault('UploadPart', {}, { skip: 1 });
    const before = requests('UploadPart');
    const { event } = await publisher.publish({
      type: 'a',
      attachments: [{ stream: chunksOf(big), name: 'x' }],
    });
    expect((await download(event, 0)).equals(big)).toBe(true);
    expect(requests('UploadPart') - before).toBe(5);
  });

  it.each([
    ['PutObject', 3000],
    ['CreateMultipartUpload', 11 * MIB],
    ['CompleteMultipartUpload', 11 * MIB],
  ])('survives a 503 to %s', async (operation, bytes) => {
    await using publisher = publisherFor(stack);
    fault(operation, {});
    const { event } = await publisher.publish({
      type: 'a',
      attachments: [{ buffer: pattern(bytes), name: 'x' }],
    });
    expect((await download(event, 0)).equals(pattern(bytes))).toBe(true);
  });

  it.each([
    ['PutObject', 3000],
    ['UploadPart', 11 * MIB],
    ['CompleteMultipartUpload', 11 * MIB],
  ])('knows its own object again when the answer to %s is lost', async (operation, bytes) => {
    await using publisher = publisherFor(stack);
    fault(operation, { faults: { kind: 'drop-response' } });
    const { event } = await publisher.publish({
      type: 'a',
      attachments: [{ buffer: pattern(bytes), name: 'x' }],
    });
    const { key: Key, versionId } = event.data.attachments[0]!;
    const head = await s3.send(new HeadObjectCommand({ Bucket: 'payloads', Key }));
    expect(head.VersionId).toBe(versionId);
    expect((await download(event, 0)).equals(pattern(bytes))).toBe(true);
  });

  it.each([3000, 11 * MIB])(
    'fails with a conflict when %i bytes meet other bytes at their key',
    async (bytes) => {
      await using publisher = publisherFor(stack);
      const id = mintEventId(systemClock);
      const Key = `payloads/billing/a/${id}/1`;
      await s3.send(new PutObjectCommand({ Bucket: 'payloads', Key, Body: pattern(bytes, 77) }));
      const publishing = publisher.publish({
        id,
        type: 'a',
        attachments: [{ buffer: pattern(bytes), name: 'x' }],
      });
      await expect(publishing).rejects.toBeInstanceOf(UploadConflictError);
      const onBus = stack.spy.records('event').filter(({ bus }) => bus === 'waybill');
      expect(onBus.some((record) => JSON.stringify(record.detail()).includes(id))).toBe(false);
    },
  );

  it('rejects with the reason of the signal mid-upload, and leaves no upload and no listener', async () => {
    await using publisher = publisherFor(stack);
    const controller = new AbortController();
    const reason = { why: 'not an error at all' };
    const stream = Readable.from(chunksOf(pattern(40 * MIB)));
    const publishing = publisher.publish({
      type: 'a',
      attachments: [{ stream, name: 'x' }],
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(publishing).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(stream.destroyed).toBe(true);
  });

  it('rejects with the reason while a source gives nothing, and takes the first part back', async () => {
    await using publisher = publisherFor(stack);
    const controller = new AbortController();
    async function* stuck(): AsyncGenerator<Buffer> {
      yield pattern(6 * MIB);
      await new Promise(() => {});
    }
    const publishing = publisher.publish({
      type: 'a',
      attachments: [{ stream: stuck(), name: 'x' }],
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(publishing).rejects.toThrow('enough');
  });

  it('leaves no listener on a signal after success', async () => {
    await using publisher = publisherFor(stack);
    const { signal } = new AbortController();
    await publisher.publish({ type: 'a', signal, attachments: [{ buffer: big, name: 'x' }] });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it.each([
    ['appended to', (path: string) => appendFileSync(path, 'more')],
    ['touched', (path: string) => utimesSync(path, 1, 1)],
    ['cut short', (path: string) => writeFileSync(path, 'short')],
  ])('fails when a file is %s while it is read', async (_, change) => {
    await using publisher = publisherFor(stack, { upload: { concurrency: 1 } });
    const path = join(dir, 'changing.bin');
    await writeFile(path, pattern(30 * MIB));
    let changes = 0;
    const publishing = publisher.publish({
      type: 'a',
      attachments: [{ path }],
      onProgress: () => {
        if (changes === 0) change(path);
        changes += 1;
      },
    });
    await expect(publishing).rejects.toThrow(/changing\.bin changed while it was uploaded/);
    expect(changes).toBeGreaterThan(0);
  });

  it.each([
    [10, 9, '10 bytes, but it holds 9'],
    [9, 10, '9 bytes, but it holds more'],
    [6 * MIB, 6 * MIB + 1, 'holds more'],
    [6 * MIB, 6 * MIB - 1, `holds ${6 * MIB - 1}`],
  ])('fails when a stream declared as %i bytes has %i', async (size, bytes, message) => {
    await using publisher = publisherFor(stack);
    const stream = chunksOf(pattern(bytes));
    const publishing = publisher.publish({ type: 'a', attachments: [{ stream, size, name: 'x' }] });
    await expect(publishing).rejects.toThrow(message);
    await expect(publishing).rejects.toBeInstanceOf(UploadError);
  });

  it('fails with the cause when the source fails', async () => {
    await using publisher = publisherFor(stack);
    async function* broken(): AsyncGenerator<Buffer> {
      yield pattern(6 * MIB);
      throw new Error('disk gone');
    }
    const publishing = publisher.publish({ type: 'a', attachments: [{ stream: broken(), name: 'x' }] });
    await expect(publishing).rejects.toThrow(/upload of stream .* failed: disk gone/);
  });

  it('fails with the cause when a stream failed while it waited for its turn', async () => {
    await using publisher = publisherFor(stack);
    const missing = createReadStream(join(dir, 'missing'));
    const publishing = publisher.publish({
      type: 'a',
      attachments: [
        { buffer: big, name: 'x' },
        { stream: missing, name: 'y' },
      ],
    });
    await expect(publishing).rejects.toThrow(/upload of stream .* failed: ENOENT/);
  });

  it('destroys a stream whose turn never came', async () => {
    await using publisher = publisherFor(stack, { upload: { retry: { maxAttempts: 1 } } });
    fault('UploadPart', { times: Infinity });
    const waiting = Readable.from(chunksOf(big));
    const publishing = publisher.publish({
      type: 'a',
      attachments: [
        { buffer: big, name: 'x' },
        { stream: waiting, name: 'y' },
      ],
    });
    await expect(publishing).rejects.toBeInstanceOf(UploadError);
    expect([waiting.destroyed, waiting.readableDidRead]).toEqual([true, false]);
  });

  it('asks for versioning when the bucket has none', async () => {
    await using plain = await startStack({ name: 'payloads', versioning: false });
    await using publisher = publisherFor(plain);
    const publishing = publisher.publish({ type: 'a', attachments: [{ buffer: Buffer.of(1), name: 'x' }] });
    await expect(publishing).rejects.toThrow(/enable versioning/);
  });

  it('takes signed payloads too', async () => {
    await using publisher = publisherFor(stack, { upload: { signPayload: true } });
    const { event } = await publisher.publish({ type: 'a', attachments: [{ buffer: big, name: 'x' }] });
    expect((await download(event, 0)).equals(big)).toBe(true);
  });
});
