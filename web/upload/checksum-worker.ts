import { crc32c, crc32cToBase64 } from './crc32c.ts';

/** A question to the worker. */
export interface ChecksumQuestion {
  readonly id: number;
  readonly kind: 'crc32c' | 'sha256';
  readonly blob: Blob;
}

/** Its answer: Base64, or why there is none. */
export type ChecksumAnswer =
  | { readonly id: number; readonly value: string }
  | { readonly id: number; readonly error: string };

/** Bytes read at a time: a part of any size passes through this much memory. */
const SLICE_BYTES = 4 * 1024 ** 2;

async function crc32cOf(blob: Blob): Promise<string> {
  let crc = 0;
  for (let at = 0; at < blob.size; at += SLICE_BYTES) {
    crc = crc32c(new Uint8Array(await blob.slice(at, at + SLICE_BYTES).arrayBuffer()), crc);
  }
  return crc32cToBase64(crc);
}

/** Of small files only: WebCrypto takes the whole at once. */
async function sha256Of(blob: Blob): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
  return btoa(String.fromCharCode(...digest));
}

addEventListener('message', ({ data }: MessageEvent<ChecksumQuestion>) => {
  const { id, kind, blob } = data;
  (kind === 'crc32c' ? crc32cOf(blob) : sha256Of(blob)).then(
    (value) => postMessage({ id, value } satisfies ChecksumAnswer),
    (error: unknown) => postMessage({ id, error: String(error) } satisfies ChecksumAnswer),
  );
});
