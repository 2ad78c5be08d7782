import { setTimeout as startTimer } from 'node:timers';
import type { Clock, Random } from '../../shared/clock.ts';
import { backoffMs } from '../../shared/retry.ts';
import { within } from './patience.ts';
import { isLeaseLost, type BatchResults, type Queue, type VisibilityChange } from './queue.ts';
import { MAX_BATCH_ENTRIES } from './sqs-limits.ts';

/** While a call is under way, entries gather this long for the next one, in milliseconds. */
const GATHER_MS = 3;
/** Calls for one entry that SQS did not take for a reason of its own. */
const MAX_ATTEMPTS = 3;
const ENTRY_BACKOFF = { backoffBaseMs: 100, backoffCapMs: 2_000 };

/** Calls for single messages that travel in batches. */
export interface MessageCalls {
  /**
   * Sets a message's visibility timeout. Two changes of one message never overtake each other: the second waits for
   * the first one's answer, because an extension under way could undo a release.
   * @throws what SQS says of this message, or of the batch; the signal's reason, at once
   */
  changeVisibility(receiptHandle: string, seconds: number, signal?: AbortSignal): Promise<void>;
  /** @throws what SQS says of this message, or of the batch */
  remove(receiptHandle: string): Promise<void>;
}

/** What batches need beside the queue. */
export interface BatchOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Longest that one call may take, in milliseconds; asked at each call. */
  readonly callMs: () => number;
}

/** Gathers a worker's ChangeMessageVisibility and DeleteMessage calls into batches of up to 10. */
export function createMessageCalls(queue: Queue, options: BatchOptions): MessageCalls {
  const change = gather<VisibilityChange>(
    ({ receiptHandle }) => receiptHandle,
    (changes, signal) => queue.changeVisibilityBatch(changes, signal),
    options,
  );
  const remove = gather<string>(
    (receiptHandle) => receiptHandle,
    (receiptHandles, signal) => queue.deleteBatch(receiptHandles, signal),
    options,
  );
  return {
    changeVisibility: (receiptHandle, seconds, signal) => change({ receiptHandle, seconds }, signal),
    remove,
  };
}

interface Waiting<Entry> {
  readonly entry: Entry;
  readonly key: string;
  attempt: number;
  isSettled: boolean;
  readonly settle: (error?: unknown) => void;
}

/**
 * Batches of one kind: what is asked for in one turn of the event loop goes at once; while a call is under way, what
 * comes gathers for a few milliseconds or until a batch is full. An entry that failed for a reason of SQS's own is
 * tried again alone.
 */
function gather<Entry>(
  keyOf: (entry: Entry) => string,
  call: (entries: readonly Entry[], signal: AbortSignal) => Promise<BatchResults>,
  { clock, random, callMs }: BatchOptions,
): (entry: Entry, signal?: AbortSignal) => Promise<void> {
  const waiting = new Set<Waiting<Entry>>();
  const underWay = new Set<string>();
  let calls = 0;
  let isScheduled = false;

  const schedule = (): void => {
    if (waiting.size >= MAX_BATCH_ENTRIES) return flush();
    if (isScheduled || waiting.size === 0) return;
    isScheduled = true;
    const later = (): void => {
      isScheduled = false;
      flush();
    };
    if (calls === 0) setImmediate(later);
    else startTimer(later, GATHER_MS);
  };

  const flush = (): void => {
    for (let batch = takeBatch(); batch.length > 0; batch = takeBatch()) void send(batch);
  };

  const takeBatch = (): Waiting<Entry>[] => {
    const batch: Waiting<Entry>[] = [];
    for (const item of waiting) {
      if (underWay.has(item.key)) continue; // its turn comes when that call has ended
      waiting.delete(item);
      underWay.add(item.key);
      batch.push(item);
      if (batch.length === MAX_BATCH_ENTRIES) break;
    }
    return batch;
  };

  const send = async (batch: readonly Waiting<Entry>[]): Promise<void> => {
    calls += 1;
    try {
      const entries = batch.map(({ entry }) => entry);
      const results = await within(clock, callMs(), (signal) => call(entries, signal));
      for (const [index, item] of batch.entries()) finish(item, results[index]);
    } catch (error) {
      for (const item of batch) item.settle(error); // the client has tried again already
    } finally {
      calls -= 1;
      for (const { key } of batch) underWay.delete(key);
      schedule();
    }
  };

  const tryAgain = async (item: Waiting<Entry>, delayMs: number): Promise<void> => {
    await clock.sleep(delayMs);
    if (item.isSettled) return;
    waiting.add(item);
    schedule();
  };

  const finish = (item: Waiting<Entry>, error: Error | undefined): void => {
    if (error === undefined || isLeaseLost(error) || item.attempt >= MAX_ATTEMPTS) return item.settle(error);
    const delayMs = backoffMs(item.attempt, ENTRY_BACKOFF, random);
    item.attempt += 1;
    void tryAgain(item, delayMs);
  };

  return (entry, signal) =>
    new Promise((resolve, reject) => {
      const settle = (error?: unknown): void => {
        signal?.removeEventListener('abort', onAbort);
        waiting.delete(item);
        item.isSettled = true;
        if (error === undefined) return resolve();
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what the client throws is passed on
        reject(error);
      };
      const onAbort = (): void => settle(signal?.reason);
      const item: Waiting<Entry> = { entry, key: keyOf(entry), attempt: 1, isSettled: false, settle };
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      waiting.add(item);
      schedule();
    });
}
