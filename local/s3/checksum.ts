import { createHash } from 'node:crypto';
import { crc32, crc32c } from '@node-rs/crc32';
import { combineCrc } from '../../shared/crc32c.ts';
import { CRC64_EMPTY, combineCrc64, crc64nvme } from './crc64nvme.ts';
import type { Crc64 } from './crc64nvme.ts';

/** Algorithms of S3's additional checksums, in S3's spelling. */
export const checksumAlgorithms = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;

/** One of S3's checksum algorithms. */
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** Over all bytes, or over the parts' checksums. */
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** Computes one checksum over bytes as they pass. */
export interface ChecksumHasher {
  update(chunk: Uint8Array): void;
  /** Base64, big-endian. Call it once. */
  digest(): string;
}

const CRC32_POLYNOMIAL = 0xedb88320;
const CRC32C_POLYNOMIAL = 0x82f63b78;

/** Length of each digest in bytes. */
const DIGEST_BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

/** The header that carries the checksum of this algorithm. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** The XML element for it. */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm}`;
}

/** The algorithm of this name in any case; undefined if there is none. */
export function parseChecksumAlgorithm(name: string): ChecksumAlgorithm | undefined {
  const upper = name.toUpperCase();
  return checksumAlgorithms.find((algorithm) => algorithm === upper);
}

/** True if `value` is base64 of the right number of bytes. */
export function isChecksumValue(algorithm: ChecksumAlgorithm, value: string): boolean {
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === DIGEST_BYTES[algorithm] && bytes.toString('base64') === value;
}

/** Starts a checksum. */
export function createChecksum(algorithm: ChecksumAlgorithm): ChecksumHasher {
  switch (algorithm) {
    case 'CRC32':
      return crcHasher((chunk, previous) => crc32(chunk, previous));
    case 'CRC32C':
      return crcHasher((chunk, previous) => crc32c(chunk, previous));
    case 'CRC64NVME':
      return crc64Hasher();
    case 'SHA1':
    case 'SHA256': {
      const hash = createHash(algorithm.toLowerCase());
      return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest('base64') };
    }
  }
}

/** Checksum of a whole object from the checksums of its parts in order. @throws {TypeError} for SHA. */
export function combineFullObject(
  algorithm: ChecksumAlgorithm,
  parts: readonly { readonly checksum: string; readonly sizeBytes: number }[],
): string {
  if (algorithm === 'CRC64NVME') {
    let whole = CRC64_EMPTY;
    for (const part of parts) whole = combineCrc64(whole, decode64(part.checksum), part.sizeBytes);
    return encode64(whole);
  }
  if (algorithm !== 'CRC32' && algorithm !== 'CRC32C') {
    throw new TypeError(`algorithm: got ${algorithm}, expected a CRC, since only CRCs combine`);
  }
  const polynomial = algorithm === 'CRC32' ? CRC32_POLYNOMIAL : CRC32C_POLYNOMIAL;
  let whole = 0;
  for (const { checksum, sizeBytes } of parts) {
    whole = combineCrc(polynomial, whole, Buffer.from(checksum, 'base64').readUInt32BE(), sizeBytes);
  }
  return encode32(whole);
}

/** The checksum of the parts' checksums, with `-N`. */
export function combineComposite(
  algorithm: ChecksumAlgorithm,
  parts: readonly { readonly checksum: string }[],
): string {
  const hasher = createChecksum(algorithm);
  for (const { checksum } of parts) hasher.update(Buffer.from(checksum, 'base64'));
  return `${hasher.digest()}-${parts.length}`;
}

function crcHasher(step: (chunk: Uint8Array, previous: number) => number): ChecksumHasher {
  let crc = 0;
  return {
    update: (chunk) => {
      crc = step(chunk, crc);
    },
    digest: () => encode32(crc),
  };
}

function crc64Hasher(): ChecksumHasher {
  let crc = CRC64_EMPTY;
  return {
    update: (chunk) => {
      crc = crc64nvme(chunk, crc);
    },
    digest: () => encode64(crc),
  };
}

function encode32(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc >>> 0);
  return bytes.toString('base64');
}

function encode64([high, low]: Crc64): string {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(high, 0);
  bytes.writeUInt32BE(low, 4);
  return bytes.toString('base64');
}

function decode64(text: string): Crc64 {
  const bytes = Buffer.from(text, 'base64');
  return [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
}
