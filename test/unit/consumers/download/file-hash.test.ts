import { createHash } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashHere, type FileHash } from '../../../../consumers/download/file-hash.ts';
import { hashInThread } from '../../../../consumers/download/hash-thread.ts';
import { patternBytes } from '../../../integration/consumers/download/world.ts';

const bytes = patternBytes(3_000_001);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const path = join(tmpdir(), `waybill-hash-${process.pid}`);
let handle: FileHandle;

beforeEach(async () => {
  handle = await open(path, 'w+');
});
afterEach(async () => {
  await handle.close();
  await rm(path, { force: true });
});

const readAt = async (buffer: Uint8Array, position: number): Promise<number> =>
  (await handle.read(buffer, 0, buffer.length, position)).bytesRead;

describe.each([
  ['here', (): FileHash => hashHere(readAt)],
  ['in a thread', (): FileHash => hashInThread(handle.fd, readAt)],
])('hashing %s', (_, make) => {
  it('follows the file as it grows', async () => {
    const hash = make();
    for (let at = 0; at < bytes.length; at += 500_000) {
      const chunk = bytes.subarray(at, at + 500_000);
      await handle.write(chunk, 0, chunk.length, at);
      hash.offer(chunk, at);
      hash.advance(at + chunk.length);
    }
    expect((await hash.finish(bytes.length)).toString('hex')).toBe(sha256);
  });

  it('hashes what was there all along, and several at once', async () => {
    await handle.write(bytes, 0, bytes.length, 0);
    const sums = await Promise.all(
      [make(), make(), make()].map(async (hash) => await hash.finish(bytes.length)),
    );
    expect(sums.map((sum) => sum.toString('hex'))).toEqual([sha256, sha256, sha256]);
  });

  it('hashes nothing', async () => {
    expect((await make().finish(0)).toString('hex')).toBe(createHash('sha256').digest('hex'));
  });

  it('fails when the file ends before', async () => {
    await handle.write(bytes, 0, 1_000, 0);
    await expect(make().finish(bytes.length)).rejects.toThrow('the partial file ends at byte 1000');
  });

  it('lets go of the file when it is to be closed', async () => {
    await handle.write(bytes, 0, bytes.length, 0);
    const hash = make();
    hash.advance(bytes.length);
    await hash.settle();
    await hash.settle();
  });
});
