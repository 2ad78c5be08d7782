/** Castagnoli polynomial, bit-reversed. @see https://www.rfc-editor.org/rfc/rfc3720#section-12.1 */
const POLYNOMIAL = 0x82f63b78;

/** Eight tables, so that eight bytes are taken at a time. */
const TABLES = makeTables();

function makeTables(): readonly Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  const [first = new Int32Array(256)] = tables;
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
    first[byte] = crc;
  }
  for (let table = 1; table < 8; table += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const before = tables[table - 1]?.[byte] ?? 0;
      (tables[table] ?? first)[byte] = (before >>> 8) ^ (first[before & 255] ?? 0);
    }
  }
  return tables;
}

/** CRC32C of `bytes`, going on from `previous`; an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as unknown as readonly [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = ~previous;
  let at = 0;
  for (const end = bytes.byteLength - 7; at < end; at += 8) {
    const low = view.getInt32(at, true) ^ crc;
    const high = view.getInt32(at + 4, true);
    crc =
      at8(t7, low) ^
      at8(t6, low >>> 8) ^
      at8(t5, low >>> 16) ^
      at8(t4, low >>> 24) ^
      at8(t3, high) ^
      at8(t2, high >>> 8) ^
      at8(t1, high >>> 16) ^
      at8(t0, high >>> 24);
  }
  for (; at < bytes.byteLength; at += 1) crc = (crc >>> 8) ^ at8(t0, crc ^ view.getUint8(at));
  return ~crc >>> 0;
}

function at8(table: Int32Array, index: number): number {
  return table[index & 255] as number;
}

/** Base64 of the four bytes, big-endian, as `x-amz-checksum-crc32c` carries it. */
export function crc32cToBase64(crc: number): string {
  return btoa(String.fromCharCode(crc >>> 24, (crc >>> 16) & 255, (crc >>> 8) & 255, crc & 255));
}
