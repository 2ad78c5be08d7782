import { setMaxListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { linkSignals } from '../../shared/cancellation.ts';
import { crc32c } from '../../shared/crc32c.ts';
import { ObjectChangedError, PayloadGoneError } from '../../shared/errors.ts';
import type { PartPlan, Span } from '../../shared/part-plan.ts';
import { lockPartial } from './lock.ts';
import { onDisk } from './on-disk.ts';
import { PartialDownload } from './partial-download.ts';
import { readSpan } from './read-span.ts';
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

/** Runs the lanes. The first fault ends all of them, and is thrown once every one has let go of the file. */
async function fetchMissing(transfer: Transfer, partial: PartialDownload): Promise<void> {
  using pass = linkSignals([transfer.signal]);
  setMaxListeners(0, pass.signal); // one or two for each connection, taken away after each request
  const { connections, singleGetBelowBytes } = transfer.options;
  const { plan } = partial;
  const single = plan.sizeBytes < singleGetBelowBytes;
  const work = missingSpans(plan, (part) => partial.has(part), single);
  let fault: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    try {
      for (const span of work) await fetchSpan({ ...transfer, signal: pass.signal }, partial, span, single);
    } catch (error) {
      fault ??= { error };
      pass.abort(error);
    }
  };
  await Promise.all(Array.from({ length: Math.min(connections, Math.max(1, plan.count)) }, lane));
  if (fault !== undefined) throw fault.error;
}

/** What is not there yet: part by part, or in runs as long as possible. Size 0 is one empty span. */
function* missingSpans(
  plan: PartPlan,
  has: (part: number) => boolean,
  inRuns: boolean,
): Generator<Span, void, undefined> {
  if (plan.count === 0) yield { start: 0, end: 0 };
  let run: Span | undefined;
  for (let part = 0; part < plan.count; part += 1) {
    if (has(part)) continue;
    const span = plan.span(part);
    if (inRuns && run?.end === span.start) {
      run = { start: run.start, end: span.end };
      continue;
    }
    if (run !== undefined) yield run;
    run = span;
  }
  if (run !== undefined) yield run;
}

async function fetchSpan(
  transfer: Transfer,
  partial: PartialDownload,
  span: Span,
  single: boolean,
): Promise<void> {
  const { plan } = partial;
  const plain = plan.sizeBytes === 0 || (single && span.start === 0 && span.end === plan.sizeBytes);
  const onGoodReply = async (): Promise<void> => await partial.begin();
  let part = Math.floor(span.start / plan.partSizeBytes);
  let [at, crc] = [span.start, 0];
  for await (const chunk of readSpan(transfer, span, { plain, onGoodReply })) {
    await partial.write(chunk, at);
    for (let rest = chunk; rest.length > 0;) {
      const { end } = plan.span(part);
      const piece = rest.subarray(0, end - at);
      crc = crc32c(piece, crc);
      at += piece.length;
      rest = rest.subarray(piece.length);
      if (at < end) continue;
      await partial.complete(part, crc);
      part += 1;
      crc = 0;
    }
  }
}
