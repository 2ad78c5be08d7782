import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { PART_BYTES, uploadInParts } from '../../bench/local/transfer.ts';
import { tempDir } from '../helpers/cli.ts';
import { startChild } from '../helpers/local-kill/child.ts';
import { peakRssBytes } from '../helpers/process-memory.ts';

const SIZE = 5 * 1024 ** 3;
const RSS_LIMIT = 200_000_000;

describe('an object of 5 GiB in the embedded stack', () => {
  it('goes up in parts by the SDK and comes back whole, in less than 200 MB', async () => {
    await using dir = await tempDir();
    const stack = await startChild(dir.path, 0, 'dist');
    const s3 = new S3Client({
      endpoint: `http://127.0.0.1:${stack.port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'AKIDKILL', secretAccessKey: 'secret' },
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    try {
      const part = randomBytes(PART_BYTES);
      const at = { Bucket: 'plain', Key: 'five-gib' };
      await uploadInParts(s3, at, SIZE, part);
      const sent = createHash('md5');
      for (let bytes = 0; bytes < SIZE; bytes += part.length) sent.update(part);
      const { Body, ContentLength } = await s3.send(new GetObjectCommand(at));
      expect(ContentLength).toBe(SIZE);
      const received = createHash('md5');
      for await (const chunk of Body as Readable) received.update(chunk as Buffer);
      expect(received.digest('hex')).toBe(sent.digest('hex'));
      const peak = await peakRssBytes(stack.pid);
      process.stderr.write(`5 GiB: peak RSS of the stack ${(peak / 1e6).toFixed(0)} MB\n`);
      expect(peak).toBeLessThan(RSS_LIMIT);
    } finally {
      s3.destroy();
      await stack.kill();
    }
  });
});
