/*
 * CRC-64/NVME without BigInt: a value is two unsigned 32-bit halves. Bytes go through eight tables at a time
 * ("slicing by eight").
 */

/**
 * The reversed polynomial, high and low half.
 * @see https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-64-nvme
 */
const POLYNOMIAL_HIGH = 0x9a6c9329;
const POLYNOMIAL_LOW = 0xac4bc9b5;

/** A 64-bit CRC as two unsigned 32-bit halves. */
export type Crc64 = readonly [high: number, low: number];

/** The CRC of no bytes. */
export const CRC64_EMPTY: Crc64 = [0, 0];

const SLICES = 8;
const HIGH = new Int32Array(256 * SLICES);
const LOW = new Int32Array(256 * SLICES);

for (let byte = 0; byte < 256; byte += 1) {
  let value: Crc64 = [0, byte];
  for (let bit = 0; bit < 8; bit += 1) value = timesX(value);
  HIGH[byte] = value[0];
  LOW[byte] = value[1];
}
for (let index = 256; index < 256 * SLICES; index += 1) {
  const high = at(HIGH, index - 256);
  const low = at(LOW, index - 256);
  const byte = low & 0xff;
  HIGH[index] = at(HIGH, byte) ^ (high >>> 8);
  LOW[index] = at(LOW, byte) ^ ((low >>> 8) | (high << 24));
}

/** CRC of `chunk`, going on from `previous`. */
export function crc64nvme(chunk: Uint8Array, previous: Crc64 = CRC64_EMPTY): Crc64 {
  let high = ~previous[0];
  let low = ~previous[1];
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const whole = chunk.length - (chunk.length % SLICES);
  let offset = 0;
  for (; offset < whole; offset += SLICES) {
    const x = low ^ view.getInt32(offset, true);
    const y = high ^ view.getInt32(offset + 4, true);
    const a = 1792 + (x & 0xff);
    const b = 1536 + ((x >>> 8) & 0xff);
    const c = 1280 + ((x >>> 16) & 0xff);
    const d = 1024 + (x >>> 24);
    const e = 768 + (y & 0xff);
    const f = 512 + ((y >>> 8) & 0xff);
    const g = 256 + ((y >>> 16) & 0xff);
    const h = y >>> 24;
    high =
      at(HIGH, a) ^
      at(HIGH, b) ^
      at(HIGH, c) ^
      at(HIGH, d) ^
      at(HIGH, e) ^
      at(HIGH, f) ^
      at(HIGH, g) ^
      at(HIGH, h);
    low =
      at(LOW, a) ^ at(LOW, b) ^ at(LOW, c) ^ at(LOW, d) ^ at(LOW, e) ^ at(LOW, f) ^ at(LOW, g) ^ at(LOW, h);
  }
  for (; offset < chunk.length; offset += 1) {
    const index = (low ^ view.getUint8(offset)) & 0xff;
    low = at(LOW, index) ^ ((low >>> 8) | (high << 24));
    high = at(HIGH, index) ^ (high >>> 8);
  }
  return [~high >>> 0, ~low >>> 0];
}

/** CRC of `a ++ b` from the CRC of each and the length of `b` in bytes. */
export function combineCrc64(a: Crc64, b: Crc64, lengthB: number): Crc64 {
  const [high, low] = multiply(powerOfX(lengthB), a);
  return [(high ^ b[0]) >>> 0, (low ^ b[1]) >>> 0];
}

/** x^(8·bytes); parts have equal sizes, so the last power is kept. */
let lastPower: { bytes: number; power: Crc64 } | undefined;

function powerOfX(bytes: number): Crc64 {
  if (lastPower?.bytes === bytes) return lastPower.power;
  let power: Crc64 = [0x80000000, 0]; // x^0
  let square: Crc64 = [0x00800000, 0]; // x^8
  // The count may exceed 32 bits, so no bit operators on it.
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = multiply(square, power);
    square = multiply(square, square);
  }
  lastPower = { bytes, power };
  return power;
}

/** a·b modulo the polynomial; the top bit is x^0. */
function multiply(a: Crc64, b: Crc64): Crc64 {
  let high = 0;
  let low = 0;
  let factor = b;
  for (const half of a) {
    for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
      if ((half & bit) !== 0) {
        high ^= factor[0];
        low ^= factor[1];
      }
      factor = timesX(factor);
    }
  }
  return [high >>> 0, low >>> 0];
}

function timesX([high, low]: Crc64): Crc64 {
  const carry = low & 1;
  const shifted: Crc64 = [high >>> 1, (low >>> 1) | ((high & 1) << 31)];
  if (carry === 0) return [shifted[0], shifted[1] >>> 0];
  return [(shifted[0] ^ POLYNOMIAL_HIGH) >>> 0, (shifted[1] ^ POLYNOMIAL_LOW) >>> 0];
}

function at(table: Int32Array, index: number): number {
  return table[index] as number;
}
