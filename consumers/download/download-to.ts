import { pipeline } from 'node:stream/promises';
import { inOrderStream } from './in-order-stream.ts';
import { failing, type Opener } from './open-transfer.ts';
import type { DownloadTarget } from './options.ts';
import type { DownloadResult } from './result.ts';
import { checkTarget } from './target.ts';
import { downloadToPath } from './to-path.ts';

/** Downloads what `open` opens to where it shall go. */
export async function downloadTo(
  target: DownloadTarget,
  open: Opener,
  signal: AbortSignal | undefined,
): Promise<DownloadResult> {
  const checked = checkTarget(target);
  signal?.throwIfAborted();
  if ('path' in checked) {
    await using transfer = await open(signal);
    return await failing(transfer, downloadToPath(transfer, checked));
  }
  let result: DownloadResult | undefined;
  const stream = inOrderStream(open, signal, (finished) => (result = finished));
  try {
    await pipeline(stream, checked.writable);
  } catch (error) {
    signal?.throwIfAborted(); // the reason as it is, however streams wrapped it
    throw error;
  }
  if (result === undefined) throw new TypeError('the stream ended without a result');
  return result;
}
