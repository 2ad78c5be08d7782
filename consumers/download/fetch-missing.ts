import { setMaxListeners } from 'node:events';
import { linkSignals } from '../../shared/cancellation.ts';
import type { PartPlan, Span } from '../../shared/part-plan.ts';
import { fetchSpan, RunningSpan } from './fetch-span.ts';
import { watchTail, type Contender } from './hedge.ts';
import type { PartialDownload } from './partial-download.ts';
import type { Transfer } from './transfer.ts';

/**
 * Fetches what is missing by parallel lanes. The first fault ends all of them, and is thrown once every one has let go
 * of the file.
 */
export async function fetchMissing(transfer: Transfer, partial: PartialDownload): Promise<void> {
  using pass = linkSignals([transfer.signal]);
  setMaxListeners(0, pass.signal); // one or two for each connection, taken away after each request
  const { connections, singleGetBelowBytes } = transfer.options;
  const { plan } = partial;
  const single = plan.sizeBytes < singleGetBelowBytes;
  const work = missingSpans(plan, (part) => partial.has(part), single);
  const lanes = new Lanes({ ...transfer, signal: pass.signal }, partial, single);
  let fault: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    try {
      for (const span of work) await lanes.fetch(span);
      await lanes.help();
    } catch (error) {
      fault ??= { error };
      pass.abort(error);
    }
  };
  const count = single ? 1 : Math.min(connections, Math.max(1, plan.count));
  await Promise.all(Array.from({ length: count }, lane));
  if (fault !== undefined) throw fault.error;
  transfer.signal.throwIfAborted(); // an overtaken lane that was aborted says nothing
}

/** What the lanes of one download know of each other. */
class Lanes {
  readonly #transfer: Transfer;
  readonly #partial: PartialDownload;
  readonly #single: boolean;
  readonly #contenders = new Set<Contender>();
  #watching = false;
  /** Of ranges that ended without being overtaken. */
  #endedBytes = 0;
  #endedMs = 0;

  constructor(transfer: Transfer, partial: PartialDownload, single: boolean) {
    this.#transfer = transfer;
    this.#partial = partial;
    this.#single = single;
  }

  async fetch(span: Span): Promise<void> {
    const { clock, signal } = this.#transfer;
    const part = Math.floor(span.start / this.#partial.plan.partSizeBytes);
    const running = new RunningSpan(span, part, clock.monotonicMs());
    using link = linkSignals([signal]);
    const ended = new AbortController();
    let [overtaken, finished] = [false, false];
    const work = async (): Promise<void> => {
      try {
        await fetchSpan({ ...this.#transfer, signal: link.signal }, this.#partial, running, this.#single);
        finished = true;
      } catch (error) {
        // Its own abort is no fault; anything else, such as a disk that refuses, is.
        if (!overtaken || error !== link.signal.reason) throw error;
      } finally {
        this.#contenders.delete(contender);
      }
    };
    const contender: Contender = {
      running,
      ended: ended.signal,
      async overtake() {
        if (finished || running.at === span.end) return false;
        overtaken = true;
        link.abort(new Error('overtaken'));
        await done.catch(() => {});
        return !finished && !signal.aborted;
      },
    };
    if (!this.#single) this.#contenders.add(contender);
    const done = work();
    try {
      await done;
    } finally {
      ended.abort();
    }
    if (!finished) return;
    this.#endedBytes += span.end - span.start;
    this.#endedMs += clock.monotonicMs() - running.startedMs;
  }

  /** Has nothing to fetch: one such lane looks after the slowest, the others are done. */
  async help(): Promise<void> {
    if (this.#watching || this.#single || !this.#transfer.options.hedge) return;
    this.#watching = true;
    await watchTail(this.#transfer, this.#partial, {
      contenders: this.#contenders,
      paceBytesPerMs: () =>
        this.#endedBytes === 0 ? undefined : this.#endedBytes / Math.max(this.#endedMs, 1),
    });
  }
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
