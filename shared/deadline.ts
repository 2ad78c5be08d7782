import { linkSignals } from './cancellation.ts';
import { TransferStalledError } from './errors.ts';

/**
 * Runs `work` with a signal that also aborts after `timeoutMs` milliseconds of real time: a socket that never
 * answers does not care what an injected clock says.
 * @param what names the work in the error
 * @throws {TransferStalledError} after the timeout
 * @throws the reason of `signal`, as it is, once that has aborted
 */
export async function withDeadline<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using link = linkSignals([signal]);
  let stalled: TransferStalledError | undefined;
  const timer = setTimeout(() => {
    stalled = new TransferStalledError(`${what}: no answer within ${timeoutMs} ms`);
    link.abort(stalled);
  }, timeoutMs);
  try {
    return await work(link.signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw stalled ?? error;
  } finally {
    clearTimeout(timer);
  }
}
