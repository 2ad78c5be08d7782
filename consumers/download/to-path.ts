import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ObjectChangedError, PayloadGoneError } from '../../shared/errors.ts';
import { fetchMissing } from './fetch-missing.ts';
import { lockPartial } from './lock.ts';
import { onDisk } from './on-disk.ts';
import { PartialDownload } from './partial-download.ts';
import { RestartBudget, RestartNeeded } from './restart.ts';
import type { DownloadResult } from './result.ts';
import type { Transfer } from './transfer.ts';
import { checkSums, toResult } from './verify.ts';

/**
 * Downloads into a file: what is missing of the partial file is fetched by parallel ranges, verified, flushed and
 * renamed. If it fails, the partial file and its journal stay for the next attempt, unless their bytes are known
 * to be wrong or nobody will want them.
 */
export async function downloadToPath(
  transfer: Transfer,
  target: { readonly path: string; readonly partialPath?: string },
): Promise<DownloadResult> {
  const partialPath = target.partialPath ?? `${target.path}.waybill-part`;
  await onDisk(
    'create',
    dirname(partialPath),
    async () => await mkdir(dirname(partialPath), { recursive: true }),
  );
  await using _lock = await lockPartial(partialPath);
  transfer.meter.emit({ kind: 'started', sizeBytes: transfer.identity.sizeBytes });
  const budget = new RestartBudget();
  for (;;) {
    try {
      return await attempt(transfer, target.path, partialPath);
    } catch (error) {
      transfer.meter.restarted(budget.spend(error));
    }
  }
}

async function attempt(transfer: Transfer, path: string, partialPath: string): Promise<DownloadResult> {
  const partial = await PartialDownload.open(transfer, partialPath);
  try {
    await partial.takeOver();
    await fetchMissing(transfer, partial);
    transfer.meter.emit({ kind: 'verifying' });
    const sums = await partial.verifier.finish();
    transfer.signal.throwIfAborted();
    const verified = checkSums(transfer, sums);
    await partial.finish(path);
    return toResult(transfer, sums, verified);
  } catch (error) {
    const worthless =
      error instanceof RestartNeeded ||
      error instanceof ObjectChangedError ||
      error instanceof PayloadGoneError;
    await (worthless ? partial.remove() : partial.close());
    throw error;
  }
}
