import { createHash } from 'node:crypto';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalStack } from '../../../../local/index.ts';
import {
  createSdkTransport,
  resolveUploadOptions,
  streamSource,
  upload,
} from '../../../../producers/index.ts';
import { createPartStream } from '../../../../producers/upload/part-stream.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { crc32c, crc32cToBase64 } from '../../../../shared/crc32c.ts';
import { formatDigest } from '../../../../shared/digest.ts';
import { silentLogger } from '../../../../shared/logger.ts';
import { MIB, pattern, s3For, startStack } from '../../../integration/producers/harness.ts';

/** Any cuts of any bytes, empty chunks too. */
const cuts = (most: number) => fc.array(fc.integer({ min: 0, max: most }), { maxLength: 12 });

async function* chunked(bytes: Buffer, at: readonly number[]): AsyncGenerator<Uint8Array> {
  const edges = [0, ...[...at].map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
  for (const [index, start] of edges.slice(0, -1).entries()) yield bytes.subarray(start, edges[index + 1]);
}

const expected = (bytes: Buffer) => ({
  digest: formatDigest(createHash('sha256').update(bytes).digest()),
  crc32c: crc32cToBase64(crc32c(bytes)),
});

describe('any chunking of any stream', () => {
  let stack: LocalStack;
  let client: S3Client;
  beforeAll(async () => {
    stack = await startStack();
    client = s3For(stack);
  });
  afterAll(async () => {
    client.destroy();
    await stack.close();
  });

  it('cuts into parts that give the bytes, the digest and the CRC32C of the whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5000 }),
        cuts(5000),
        fc.integer({ min: 1, max: 2000 }),
        fc.boolean(),
        async (array, at, partSizeBytes, declared) => {
          const bytes = Buffer.from(array);
          const source = streamSource(chunked(bytes, at), declared ? bytes.length : undefined);
          const parts = createPartStream(await source.open(), { partSizeAtLeastBytes: partSizeBytes });
          const { signal } = new AbortController();
          const got: Buffer[] = [];
          for (let part = await parts.next(signal); part !== undefined; part = await parts.next(signal)) {
            expect(part.partNumber).toBe(got.length + 1);
            const body = part.body as Buffer;
            expect(part.crc).toBe(crc32c(body));
            got.push(Buffer.from(body));
            parts.release(part);
          }
          expect(Buffer.concat(got).equals(bytes)).toBe(true);
          const { sizeBytes, crc, digest } = parts.summary();
          expect({ digest, crc32c: crc32cToBase64(crc) }).toEqual(expected(bytes));
          expect(sizeBytes).toBe(bytes.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('stores an identical object, whole or in parts', async () => {
    const options = resolveUploadOptions({ partSizeBytes: 5 * MIB, multipartThresholdBytes: 5 * MIB });
    const transport = createSdkTransport({ client, ...options });
    const context = { transport, options, clock: systemClock, random: Math.random, logger: silentLogger };
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 16 * MIB }),
        cuts(16 * MIB),
        fc.boolean(),
        async (length, at, declared) => {
          const bytes = pattern(length, (run += 1));
          const target = { bucket: 'payloads', key: `run-${run}`, mediaType: 'application/octet-stream' };
          const source = streamSource(chunked(bytes, at), declared ? length : undefined);
          const result = await upload(source, target, context);
          expect(result).toMatchObject({ size: length, ...expected(bytes) });
          const { versionId: VersionId } = result;
          const stored = await client.send(
            new GetObjectCommand({ Bucket: 'payloads', Key: target.key, VersionId }),
          );
          expect(Buffer.from(await stored.Body!.transformToByteArray()).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 12 },
    );
  });
});
