import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { crc32c, crc32cToBase64 } from '../../shared/crc32c.ts';
import { formatDigest } from '../../shared/digest.ts';
import { interrupted } from './interrupt.ts';

/** A file of random bytes, and its sums. */
export interface Payload {
  readonly path: string;
  readonly size: number;
  /** RFC 9530 text. */
  readonly digest: string;
  /** Base64. */
  readonly crc32c: string;
}

const BLOCK_BYTES = 1024 ** 2;

/** Writes `size` bytes that no compression makes smaller: AES-CTR over zeros, under a fresh key. */
export async function writePayload(path: string, size: number): Promise<Payload> {
  const cipher = createCipheriv('aes-128-ctr', randomBytes(16), Buffer.alloc(16));
  const zeros = Buffer.alloc(BLOCK_BYTES);
  const sha256 = createHash('sha256');
  let crc = 0;
  const file = await open(path, 'wx');
  try {
    for (let left = size; left > 0;) {
      interrupted.throwIfAborted();
      const block = cipher.update(left < BLOCK_BYTES ? zeros.subarray(0, left) : zeros);
      sha256.update(block);
      crc = crc32c(block, crc);
      await file.writeFile(block);
      left -= block.length;
    }
  } finally {
    await file.close();
  }
  return { path, size, digest: formatDigest(sha256.digest()), crc32c: crc32cToBase64(crc) };
}
