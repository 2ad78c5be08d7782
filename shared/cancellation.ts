import { setMaxListeners } from 'node:events';

/** What a signal is to those who only watch it; every AbortSignal fits. */
export interface WatchedSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** A signal that follows several others, and the way to let go of them. */
export interface LinkedSignal extends Disposable {
  readonly signal: AbortSignal;
  /** Aborts this signal only; the parents are untouched. */
  abort(reason?: unknown): void;
}

/** Parents whose limit of listeners was lifted; to do so for every link is dear where messages are many. */
const unlimited = new WeakSet<AbortSignal>();

/**
 * Makes a signal that aborts when any of `parents` does, with that parent's reason.
 *
 * Use it in place of `AbortSignal.any` wherever a long-lived signal meets short-lived work: `any` keeps a
 * dependant registered with the parent for as long as the parent lives (nodejs/node#55351); this link
 * takes its listeners away on dispose.
 *
 * @example
 * using link = linkSignals([options.signal]);
 * await work(link.signal);
 */
export function linkSignals(parents: Iterable<WatchedSignal | undefined>): LinkedSignal {
  const controller = new AbortController();
  const detachers: (() => void)[] = [];
  const detach = (): void => {
    for (const off of detachers.splice(0)) off();
  };
  const abort = (reason?: unknown): void => {
    detach();
    controller.abort(reason);
  };
  for (const parent of parents) {
    if (parent === undefined) continue;
    if (parent.aborted) {
      abort(parent.reason);
      break;
    }
    const onAbort = (): void => abort(parent.reason);
    // Many links at once are normal, and each takes its listener away: Node's warning at ten would mislead.
    if (parent instanceof AbortSignal && !unlimited.has(parent)) {
      setMaxListeners(0, parent);
      unlimited.add(parent);
    }
    parent.addEventListener('abort', onAbort, { once: true });
    detachers.push(() => parent.removeEventListener('abort', onAbort));
  }
  return { signal: controller.signal, abort, [Symbol.dispose]: detach };
}

/**
 * Waits for `promise`, or for the signal, whichever comes first. The work behind `promise` is not stopped.
 * @throws the signal's reason if it aborts first.
 */
export async function abortable<T>(promise: Promise<T>, signal: WatchedSignal): Promise<T> {
  signal.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is passed on as it is
    const onAbort = (): void => reject(signal.reason);
    const over = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => {
        over();
        return resolve(value);
      },
      (error: unknown) => {
        over();
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what the promise rejects with is passed on
        reject(error);
      },
    );
  });
}
