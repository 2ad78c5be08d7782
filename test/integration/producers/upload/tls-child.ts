/**
 * A process that trusts what its environment says, and stores a part of a buffer and one of a file over TLS; it tells
 * what it got, and which modules of the SDK it has loaded.
 */
import { createRequire } from 'node:module';
import { createUploadTransport } from '../../../../producers/upload/index.ts';
import { crc32c, crc32cToBase64 } from '../../../../shared/crc32c.ts';

process.once('message', ({ endpoint, bytes }: { endpoint: string; bytes: number }) => {
  const transport = createUploadTransport({
    store: { bucket: 'b', region: 'us-east-1', endpoint, pathStyle: true },
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    transport: 'fast',
  });
  const body = Buffer.alloc(bytes, 'x');
  const request = {
    bucket: 'b',
    key: 'k',
    uploadId: 'u',
    partNumber: 1,
    crc32c: crc32cToBase64(crc32c(body)),
  };
  const span = {
    length: bytes,
    read: async (offset: number, into: Buffer) => body.copy(into, 0, offset, offset + into.length),
    verify: async () => {},
  };
  const run = async (): Promise<void> => {
    let said: string | undefined;
    try {
      await transport.uploadPart({ ...request, body });
      said = await transport.uploadSpan?.({ ...request, body: span });
    } catch (error) {
      said = String(error);
    }
    transport.close?.();
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) =>
      /aws-sdk|smithy/.test(path),
    );
    process.send?.({ said, loaded });
    process.disconnect();
  };
  void run();
});
