import { describe, expect, it } from 'vitest';
import { combineComposite, combineFullObject, createChecksum } from '../../../../local/s3/checksum.ts';
import type { ChecksumAlgorithm } from '../../../../local/s3/checksum.ts';

function checksum(algorithm: ChecksumAlgorithm, ...chunks: string[]): string {
  const hasher = createChecksum(algorithm);
  for (const chunk of chunks) hasher.update(Buffer.from(chunk));
  return hasher.digest();
}

describe('checksums', () => {
  it('gives the catalogued values of "123456789", whatever the chunks', () => {
    const hex = (text: string): string => Buffer.from(text, 'base64').toString('hex');
    expect(hex(checksum('CRC32', '1234', '56789'))).toBe('cbf43926');
    expect(hex(checksum('CRC32C', '123456789'))).toBe('e3069283');
    expect(hex(checksum('CRC64NVME', '123456789'))).toBe('ae8b14860a799888');
    expect(checksum('CRC64NVME', '1', '23456789')).toBe(checksum('CRC64NVME', '123456789'));
  });

  it.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)(
    'combines %s over parts, empty ones too',
    (algorithm) => {
      const texts = ['first part', '', 'the second, which is longer than the first', 'x'];
      const parts = texts.map((text) => ({ checksum: checksum(algorithm, text), sizeBytes: text.length }));
      expect(combineFullObject(algorithm, parts)).toBe(checksum(algorithm, texts.join('')));
      expect(combineComposite(algorithm, parts)).toMatch(/-4$/);
    },
  );

  it('fails to combine what does not combine', () => {
    expect(() => combineFullObject('SHA256', [])).toThrow(/only CRCs combine/);
  });
});
