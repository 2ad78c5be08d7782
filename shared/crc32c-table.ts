/** Castagnoli polynomial, bit-reversed. @see https://www.rfc-editor.org/rfc/rfc3720#section-12.1 */
export const POLYNOMIAL = 0x82f63b78;

/** Bytes that are taken at once. */
const SLICES = 8;

let tables: readonly Int32Array[] | undefined;

/**
 * CRC32C in plain JavaScript, eight bytes at once: for where there is no native code.
 * @see https://create.stephan-brumme.com/crc32/#slicing-by-8-overview
 */
export function crc32cByTable(chunk: Uint8Array, previous: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = (tables ??= makeTables()) as unknown as Eight;
  let crc = ~previous;
  let at = 0;
  for (const end = chunk.length - SLICES; at <= end; at += SLICES) {
    const low =
      crc ^
      (byte(chunk, at) |
        (byte(chunk, at + 1) << 8) |
        (byte(chunk, at + 2) << 16) |
        (byte(chunk, at + 3) << 24));
    crc =
      entry(t7, low & 0xff) ^
      entry(t6, (low >>> 8) & 0xff) ^
      entry(t5, (low >>> 16) & 0xff) ^
      entry(t4, low >>> 24) ^
      entry(t3, byte(chunk, at + 4)) ^
      entry(t2, byte(chunk, at + 5)) ^
      entry(t1, byte(chunk, at + 6)) ^
      entry(t0, byte(chunk, at + 7));
  }
  for (; at < chunk.length; at++) crc = entry(t0, (crc ^ byte(chunk, at)) & 0xff) ^ (crc >>> 8);
  return ~crc >>> 0;
}

type Eight = readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** Within bounds by construction. */
function byte(chunk: Uint8Array, index: number): number {
  return chunk[index] as number;
}

function entry(table: Int32Array, index: number): number {
  return table[index] as number;
}

function makeTables(): readonly Int32Array[] {
  const first = Int32Array.from({ length: 256 }, (_, value) => {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
    return crc;
  });
  const made = [first];
  for (let slice = 1; slice < SLICES; slice++) {
    const before = made[slice - 1] as Int32Array;
    made.push(before.map((crc) => entry(first, crc & 0xff) ^ (crc >>> 8)));
  }
  return made;
}
