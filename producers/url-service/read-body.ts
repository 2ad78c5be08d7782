import type { IncomingMessage } from 'node:http';

/** Bodies up to so many times the limit are read to their end, and thrown away, so that the refusal arrives. */
const DISCARD_FACTOR = 8;

/**
 * Reads a request's body.
 * @returns undefined when it is longer than `maxBytes`. An answer sent while the caller still writes is often lost to
 * the reset that follows, so the rest is read first; what is far too long is cut off.
 * @throws when the connection breaks, or was cut off
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > maxBytes * DISCARD_FACTOR) request.destroy();
    });
    request.once('end', () => resolve(bytes <= maxBytes ? Buffer.concat(chunks) : undefined));
    request.once('close', () => reject(new Error('the request was cut short')));
    request.once('error', reject);
  });
}
