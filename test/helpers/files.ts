import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** Writes a file of `sizeBytes` of which no two 4 KiB blocks are equal, quickly. */
export async function writeRandomFile(path: string, sizeBytes: number): Promise<void> {
  const block = randomBytes(Math.min(sizeBytes, 8 * 1024 ** 2));
  await using file = await open(path, 'w');
  for (let at = 0; at < sizeBytes; at += block.length) {
    for (let offset = 0; offset + 8 <= block.length; offset += 4096) block.writeDoubleBE(at + offset, offset);
    await file.write(block, 0, Math.min(block.length, sizeBytes - at), at);
  }
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 ** 2 }), hash);
  return hash.digest('hex');
}
