import { abortable, linkSignals, type WatchedSignal } from '../../shared/cancellation.ts';
import { after, type Clock } from '../../shared/clock.ts';

/**
 * Waits for `work`. Once `signal` aborts, gives it `graceMs` more to wind down, or until `force` aborts.
 * @throws what `work` throws, or the signal's reason when the grace is over
 */
export async function withGrace<T>(
  work: Promise<T>,
  signal: WatchedSignal,
  grace: { readonly clock: Clock; readonly graceMs: number; readonly force: AbortSignal },
): Promise<T> {
  try {
    return await abortable(work, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  using timer = linkSignals([grace.force]);
  const over = grace.clock
    .sleep(grace.graceMs, timer.signal)
    .catch(() => undefined)
    .then(() => {
      throw signal.reason;
    });
  try {
    return await Promise.race([work, over]);
  } finally {
    timer.abort();
  }
}

/**
 * Runs a call with a signal of its own that aborts after `ms`: for calls that must be made although everything else is
 * being aborted.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const cancel = after(clock, ms, () => deadline.abort(new Error(`no answer within ${ms} ms`)));
  try {
    return await call(deadline.signal);
  } finally {
    cancel();
  }
}
