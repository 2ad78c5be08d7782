import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { crc32c as native, crc32cToBase64 as nativeToBase64 } from '../../../shared/crc32c.ts';
import { crc32c, crc32cToBase64 } from '../../../web/upload/crc32c.ts';

describe("the page's CRC32C", () => {
  it('knows the check value of RFC 3720', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  });

  it.each([0, 1, 7, 8, 9, 63, 64, 1000, 65_537])('agrees with the native one over %d bytes', (size) => {
    const bytes = new Uint8Array(randomBytes(size + 3)).subarray(3); // not aligned
    expect(crc32c(bytes)).toBe(native(bytes));
    expect(crc32cToBase64(crc32c(bytes))).toBe(nativeToBase64(native(bytes)));
  });

  it('goes on from piece to piece', () => {
    const bytes = new Uint8Array(randomBytes(10_000));
    expect(crc32c(bytes.subarray(1234), crc32c(bytes.subarray(0, 1234)))).toBe(native(bytes));
  });
});
