import { createRequire } from 'node:module';
import type * as Crc32 from '@node-rs/crc32';
import { crc32cByTable, POLYNOMIAL } from './crc32c-table.ts';

// By require: `import` of a CommonJS module loads Node's parser of such modules, 6 MB and 8 ms that nothing else needs.
const require = createRequire(import.meta.url);
const compute: (chunk: Uint8Array, previous: number) => number = load();

/** CRC32C of `chunk`, going on from `previous`; an unsigned 32-bit number. Native: about 8 GB/s, else by table. */
export function crc32c(chunk: Uint8Array, previous = 0): number {
  return compute(chunk, previous) >>> 0;
}

/** A bundle holds no native code, and not every platform has it: then the table does. */
function load(): typeof compute {
  try {
    return (require('@node-rs/crc32') as typeof Crc32).crc32c;
  } catch {
    return crc32cByTable;
  }
}

/** Base64 of the four bytes, big-endian, as `x-amz-checksum-crc32c` carries it. */
export function crc32cToBase64(crc: number): string {
  fourBytes.writeUInt32BE(crc >>> 0);
  return fourBytes.toString('base64');
}

const fourBytes = Buffer.alloc(4);

/** The number in Base64 text of four bytes, or undefined when it is not that. */
export function crc32cFromBase64(text: string): number | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 4 && bytes.toString('base64') === text ? bytes.readUInt32BE() : undefined;
}

/**
 * CRC32C of `a ++ b` from the CRC32C of each, and the length of `b` in bytes: parts checked apart give the
 * checksum of the whole. Multiplies by x^(8·length) modulo the polynomial, by squaring: about 40 steps at most.
 */
export function combineCrc32c(crcA: number, crcB: number, lengthB: number): number {
  return combineCrc(POLYNOMIAL, crcA, crcB, lengthB);
}

/** The same for any reflected 32-bit CRC whose initial value and final XOR are all ones. */
export function combineCrc(polynomial: number, crcA: number, crcB: number, lengthB: number): number {
  return (multiply(polynomial, powerOfX(polynomial, lengthB), crcA) ^ crcB) >>> 0;
}

/** x^(8·bytes) modulo the polynomial, in reflected notation. */
function powerOfX(polynomial: number, bytes: number): number {
  let result = 0x80000000; // x^0
  let square = 0x00800000; // x^8: one byte
  // The count may exceed 32 bits (parts of several GiB), so no bit operators on it.
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = multiply(polynomial, square, result);
    square = multiply(polynomial, square, square);
  }
  return result;
}

/** a·b modulo the polynomial; bit 31 is x^0. */
function multiply(polynomial: number, a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor;
    factor = (factor & 1) === 0 ? factor >>> 1 : (factor >>> 1) ^ polynomial;
  }
  return product >>> 0;
}
