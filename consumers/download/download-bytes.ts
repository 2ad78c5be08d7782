import { SizeLimitError } from '../../shared/errors.ts';
import type { Attachment } from '../../shared/events/index.ts';
import { numberInRange } from '../../shared/options.ts';
import { attachmentOpener } from './attachment-opener.ts';
import { resolveTransferOptions, type DownloadOptions } from './options.ts';
import { getAtOnce, type Unfinished } from './get-at-once.ts';
import { failing } from './open-transfer.ts';
import { readInOrder } from './read-in-order.ts';
import { RestartBudget } from './restart.ts';
import type { Transfer } from './transfer.ts';

/**
 * Downloads a small attachment into memory, verified. Memory: its bytes; twice that if the transfer was interrupted, or
 * is of the size that takes parallel ranges. Give `stores` resolved (`resolveStores`) when there are many.
 *
 * @param limits.maxBytes largest size that is taken
 * @throws {SizeLimitError} when the event names a larger size; no request is made then
 * @throws all that `download` throws but StorageError
 * @example
 * const manifest = await downloadBytes(event.data.manifest, { maxBytes: MAX_MANIFEST_BYTES }, { stores, urlSource });
 */
export async function downloadBytes(
  attachment: Attachment,
  limits: { readonly maxBytes: number },
  options: DownloadOptions,
): Promise<Buffer> {
  const max = Number.MAX_SAFE_INTEGER;
  const maxBytes = numberInRange('maxBytes', limits.maxBytes, { min: 0, max, unit: 'bytes' });
  const { store, key, size } = attachment;
  if (size > maxBytes) {
    throw new SizeLimitError(`${store}/${key} has ${size} bytes, at most ${maxBytes} are taken into memory`, {
      details: { store, key, size, maxBytes },
    });
  }
  const resolved = resolveTransferOptions(options);
  resolved.signal?.throwIfAborted();
  const once = await getAtOnce(attachment, options, resolved);
  if (once !== undefined && 'bytes' in once) return once.bytes;
  const openTransfer = await attachmentOpener();
  await using transfer = openTransfer(attachment, options, resolved, resolved.signal, once?.learned);
  return await failing(transfer, readAll(transfer, once));
}

async function readAll(transfer: Transfer, once: Unfinished | undefined): Promise<Buffer> {
  const budget = new RestartBudget();
  if (once?.wrong !== undefined) transfer.meter.restarted(budget.spend(once.wrong));
  let begun = once?.begun;
  const rethrow = (error: unknown): never => {
    throw error;
  };
  for (;;) {
    const chunks: Buffer[] = [];
    try {
      const from = begun;
      begun = undefined;
      for await (const chunk of readInOrder(transfer, () => {}, rethrow, from)) chunks.push(chunk);
      const [only] = chunks;
      return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
    } catch (error) {
      transfer.meter.restarted(budget.spend(error));
    }
  }
}
