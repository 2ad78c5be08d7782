import { appendFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalStack } from '../../../../local/index.ts';
import {
  createUploadTransport,
  fileSource,
  mintEventId,
  resolveUploadOptions,
  upload,
  type UploadOptions,
  type UploadSource,
  type UploadTransport,
} from '../../../../producers/index.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { silentLogger } from '../../../../shared/logger.ts';
import { download, MIB, pattern, publisherFor, s3For, startStack } from '../harness.ts';

const bytes = pattern(22 * MIB + 77);
/** So many parts under way that their bytes are not held: the file is read twice. */
const MANY: UploadOptions = { concurrency: 12 };

describe('a file whose parts are not held', () => {
  let stack: LocalStack;
  let s3: S3Client;
  let dir: string;
  let path: string;
  beforeAll(async () => {
    stack = await startStack();
    s3 = s3For(stack);
    dir = await mkdtemp(join(tmpdir(), 'waybill-spans-'));
    path = join(dir, 'payload.bin');
  });
  afterAll(async () => {
    s3.destroy();
    await stack.close();
    await rm(dir, { recursive: true });
  });
  afterEach(async () => {
    stack.faults.clear();
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: 'payloads' }));
    if (Uploads.length > 0) throw new Error(`${Uploads.length} multipart uploads were left open`);
  });

  const publish = async (options: UploadOptions = {}, onProgress = () => {}) => {
    await using publisher = publisherFor(stack, { upload: { ...MANY, ...options } });
    const id = mintEventId(systemClock);
    const { event } = await publisher.publish({ id, type: 'a', attachments: [{ path }], onProgress });
    return await download(event, 0);
  };
  const status503 = { kind: 'status', status: 503 } as const;

  it.each(['auto', 'sdk'] as const)('becomes an identical object, by %s', async (transport) => {
    await writeFile(path, bytes);
    expect((await publish({ transport })).equals(bytes)).toBe(true);
  });

  it('is read again for a part that is sent again', async () => {
    await writeFile(path, bytes);
    for (const skip of [0, 1]) {
      stack.faults.add({ match: { operation: 'UploadPart' }, skip, faults: status503 });
      stack.faults.add({ match: { operation: 'UploadPart' }, skip, faults: { kind: 'drop-response' } });
    }
    expect((await publish()).equals(bytes)).toBe(true);
  });

  const fast = () =>
    createUploadTransport({
      store: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint, pathStyle: true },
      credentials: stack.credentials,
    });
  const send = async (source: UploadSource, transport: UploadTransport, options: UploadOptions = MANY) =>
    await upload(
      source,
      { bucket: 'payloads', key: mintEventId(systemClock), mediaType: 'a/b' },
      {
        transport,
        options: resolveUploadOptions({
          partSizeBytes: 5 * MIB,
          multipartThresholdBytes: 5 * MIB,
          ...options,
        }),
        clock: systemClock,
        random: Math.random,
        logger: silentLogger,
      },
    );

  it.each([
    [12, 23],
    [2, 0],
  ])('is read again, a block at a time, with %i parts under way: %i blocks', async (concurrency, blocks) => {
    await writeFile(path, bytes);
    const source = fileSource(path);
    const reads: number[] = [];
    const watched = {
      ...source,
      async open() {
        const reader = await source.open();
        return {
          ...reader,
          async readAt(position: number, into: Buffer) {
            reads.push(into.length);
            return (await reader.readAt?.(position, into)) ?? 0;
          },
        };
      },
    };
    const transport = fast();
    await send(watched, transport, { concurrency });
    transport.close?.();
    expect(reads).toHaveLength(blocks);
    expect(Math.max(0, ...reads)).toBeLessThanOrEqual(MIB);
  });

  it.each([
    ['written to', () => writeFileSync(path, pattern(bytes.length, 9))],
    ['cut short', () => truncateSync(path, 6 * MIB)],
    ['appended to', () => appendFileSync(path, 'more')],
    ['touched', () => utimesSync(path, 1, 1)],
  ])('fails when it is %s before it is sent', async (_, change) => {
    await writeFile(path, bytes);
    const transport = fast();
    // Right between the reading of the first part and its sending.
    const changing = {
      ...transport,
      createMultipart: async (...args: Parameters<typeof transport.createMultipart>) => {
        const uploadId = await transport.createMultipart(...args);
        change();
        return uploadId;
      },
    };
    const uploading = send(fileSource(path), changing);
    await expect(uploading).rejects.toThrow(/payload\.bin changed while it was uploaded/);
    transport.close?.();
  });
});
