import type { UploadSource } from './source.ts';

/** A payload in memory. The bytes are copied part by part, so the caller must leave them alone until the end. */
export function bufferSource(bytes: Uint8Array): UploadSource {
  return {
    label: 'buffer',
    sizeBytes: bytes.byteLength,
    rereadable: true,
    async open() {
      let offset = 0;
      return {
        sizeBytes: bytes.byteLength,
        async read(into, signal) {
          signal.throwIfAborted();
          const chunk = bytes.subarray(offset, offset + into.length);
          into.set(chunk);
          offset += chunk.byteLength;
          return chunk.byteLength;
        },
        async verify() {},
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}
