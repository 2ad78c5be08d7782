import { crc32c as native } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import { crc32cByTable } from '../../../shared/crc32c-table.ts';

describe('CRC32C without native code', () => {
  it("gives the standard's check value", () => {
    expect(crc32cByTable(Buffer.from('123456789'), 0)).toBe(0xe3069283);
  });

  it('agrees with the native one at every length and start, and goes on where it was', () => {
    const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => (index * 151 + 7) % 256));
    for (let length = 0; length <= bytes.length; length++) {
      const [head, tail] = [bytes.subarray(0, length), bytes.subarray(length)];
      expect(crc32cByTable(head, 0), `${length} bytes`).toBe(native(head));
      expect(crc32cByTable(tail, crc32cByTable(head, 0))).toBe(native(bytes));
    }
    expect(crc32cByTable(bytes, 0xffff_fffe)).toBe(native(bytes, 0xffff_fffe));
  });
});
