import { Readable } from 'node:stream';
import { linkSignals } from '../../shared/cancellation.ts';
import type { Opener } from './open-transfer.ts';
import { readInOrder } from './read-in-order.ts';
import { RestartBudget, RestartNeeded } from './restart.ts';
import type { DownloadResult } from './result.ts';

/** A stream holds at most this many bytes that nobody has read, and the chunk that passes it. */
const HIGH_WATER_MARK_BYTES = 256 * 1024;

/**
 * A stream of what `open` opens: opened at the first read; closed at the end, on error, and on destroy, which also
 * ends a request that stalls. Bytes that were handed out cannot be taken back, so a wrong range is asked for once
 * more from the byte reached, and a wrong digest is the end.
 *
 * @param onResult told the result just before the stream ends
 */
export function inOrderStream(
  open: Opener,
  signal: AbortSignal | undefined,
  onResult: (result: DownloadResult) => void = () => {},
): Readable {
  const destroyed = new AbortController();
  const chunks = readAll(open, [signal, destroyed.signal], onResult, (reason) =>
    stream.destroy(toError(reason)),
  );
  const stream = new Readable({
    highWaterMark: HIGH_WATER_MARK_BYTES,
    read() {
      chunks.next().then(
        ({ done, value }) => this.push(done === true ? null : value),
        (error: unknown) => this.destroy(toError(error)),
      );
    },
    destroy(error, callback) {
      destroyed.abort(error ?? new Error('the stream was destroyed'));
      // oxlint-disable-next-line promise/no-promise-in-callback -- Readable knows no other way
      void letGo(chunks).finally(() => callback(error));
    },
  });
  return stream;
}

async function* readAll(
  open: Opener,
  signals: readonly (AbortSignal | undefined)[],
  onResult: (result: DownloadResult) => void,
  onAbort: (reason: unknown) => void,
): AsyncGenerator<Buffer, void, undefined> {
  using link = linkSignals(signals);
  await using transfer = await open(link.signal);
  // A reader that does not read would never meet the deadline otherwise.
  const abort = (): void => onAbort(transfer.signal.reason);
  transfer.signal.addEventListener('abort', abort, { once: true });
  const budget = new RestartBudget();
  const askAgain = (error: unknown): void => {
    transfer.meter.askedAgain(budget.spend(error));
  };
  try {
    yield* readInOrder(transfer, onResult, askAgain);
  } catch (error) {
    const failure = error instanceof RestartNeeded ? error.error : error;
    transfer.meter.span.fail(failure);
    throw failure;
  } finally {
    transfer.signal.removeEventListener('abort', abort);
  }
}

/** Waits until the request is gone; what it says of that is no news. */
async function letGo(chunks: AsyncGenerator<Buffer, void, undefined>): Promise<void> {
  try {
    await chunks.return();
  } catch {
    // the error that the stream fails with is the one that counts
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}
