import { setTimeout as delay } from 'node:timers/promises';
import { linkSignals } from '../../shared/cancellation.ts';
import { crc32c } from '../../shared/crc32c.ts';
import type { RunningSpan } from './fetch-span.ts';
import type { PartialDownload } from './partial-download.ts';
import { readSpan } from './read-span.ts';
import type { Transfer } from './transfer.ts';

/** How often the ranges that are left are looked at, in milliseconds. */
const LOOK_MS = 250;

/** A range is asked for once more if that is expected to end this many times sooner, */
const TIMES_SOONER = 2;

/** and by at least this much, in milliseconds. */
const SOONER_MS = 1_000;

/** Most that is asked for once more, in bytes: it waits in memory until it has won. */
export const MAX_HEDGE_BYTES = 16 * 1024 ** 2;

/** A range under way that can be made to stop, by one that has overtaken it. */
export interface Contender {
  readonly running: RunningSpan;
  /** Ends it; resolves when it has let go of the file. True if its part was not complete by then. */
  overtake(): Promise<boolean>;
  /** Aborts as soon as it has ended. */
  readonly ended: AbortSignal;
}

/** What the last ranges are measured by. */
export interface Tail {
  /** Ranges under way, of one part each. */
  readonly contenders: ReadonlySet<Contender>;
  /** Bytes per millisecond of a range that has ended, on average; undefined before the first has. */
  paceBytesPerMs(): number | undefined;
}

/**
 * Watches the last ranges of a download on behalf of a connection that has nothing else to do. One that is much slower
 * than the others were is asked for once more from the byte reached; whichever comes first counts. The second copy
 * waits in memory and is written only when the first one has stopped, so that they never mix.
 */
export async function watchTail(transfer: Transfer, partial: PartialDownload, tail: Tail): Promise<void> {
  const hedged = new WeakSet<Contender>();
  while (tail.contenders.size > 0) {
    transfer.signal.throwIfAborted();
    const slow = slowest(tail, hedged, transfer.clock.monotonicMs());
    if (slow === undefined) {
      await nextLook(transfer.signal, tail);
      continue;
    }
    hedged.add(slow);
    await race(transfer, partial, slow);
  }
}

/** The range that will take longest, if asking once more promises to be much sooner. */
function slowest(tail: Tail, hedged: WeakSet<Contender>, nowMs: number): Contender | undefined {
  const pace = tail.paceBytesPerMs();
  if (pace === undefined) return undefined;
  let [found, longestMs] = [undefined as Contender | undefined, 0];
  for (const contender of tail.contenders) {
    const { span, at, startedMs } = contender.running;
    const left = span.end - at;
    const runningMs = nowMs - startedMs;
    if (hedged.has(contender) || left === 0 || left > MAX_HEDGE_BYTES || runningMs < SOONER_MS) continue;
    const expectedMs = (left * runningMs) / Math.max(at - span.start, 1);
    const againMs = left / pace;
    const worth = expectedMs > TIMES_SOONER * againMs && expectedMs > againMs + SOONER_MS;
    if (worth && runningMs > againMs && expectedMs > longestMs) [found, longestMs] = [contender, expectedMs];
  }
  return found;
}

/** Real time, as the transport's own timeouts: a test's clock has nothing to say here. */
async function nextLook(signal: AbortSignal, { contenders }: Tail): Promise<void> {
  using link = linkSignals([signal, ...[...contenders].map(({ ended }) => ended)]);
  await delay(LOOK_MS, undefined, { signal: link.signal }).catch(() => {});
}

async function race(transfer: Transfer, partial: PartialDownload, slow: Contender): Promise<void> {
  const { running } = slow;
  const { span, part, at: from } = running;
  let { crc } = running;
  const bytes = Buffer.allocUnsafeSlow(span.end - from);
  using link = linkSignals([transfer.signal, slow.ended]);
  let at = 0;
  try {
    const rest = { start: from, end: span.end };
    const again = { ...transfer, signal: link.signal };
    for await (const chunk of readSpan(again, rest, { plain: false, counts: false })) {
      bytes.set(chunk, at);
      crc = crc32c(chunk, crc);
      at += chunk.length;
    }
  } catch {
    return; // overtaken itself, or refused: the first one goes on, and tells what is wrong if something is
  }
  if (!(await slow.overtake())) return;
  await partial.write(bytes, from);
  await partial.complete(part, crc);
  transfer.meter.received(span.end - running.at, transfer.identity.sizeBytes);
}
