import type { ChecksumAnswer, ChecksumQuestion } from './checksum-worker.ts';

interface Waiting {
  readonly resolve: (value: string) => void;
  readonly reject: (error: Error) => void;
}

/** Checksums, computed beside the page so that it stays responsive. */
export interface Checksums {
  /** CRC32C in Base64, as S3 compares it. */
  crc32c(blob: Blob): Promise<string>;
  /** SHA-256 as RFC 9530 text. For what fits into memory. */
  sha256(blob: Blob): Promise<string>;
}

/** Starts the worker. */
export function startChecksums(): Checksums {
  const worker = new Worker(new URL('./checksum-worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let last = 0;
  worker.addEventListener('message', ({ data }: MessageEvent<ChecksumAnswer>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ('value' in data) asked?.resolve(data.value);
    else asked?.reject(new Error(`The file cannot be read: ${data.error}`));
  });
  worker.addEventListener('error', () => {
    for (const { reject } of waiting.values())
      reject(new Error('The checksum worker failed; reload the page.'));
    waiting.clear();
  });
  const ask = async (kind: ChecksumQuestion['kind'], blob: Blob): Promise<string> =>
    await new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      worker.postMessage({ id: last, kind, blob } satisfies ChecksumQuestion);
    });
  return {
    crc32c: async (blob) => await ask('crc32c', blob),
    sha256: async (blob) => `sha-256=:${await ask('sha256', blob)}:`,
  };
}
