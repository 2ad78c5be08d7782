import { abortable, type WatchedSignal } from '../../shared/cancellation.ts';
import { after, type Clock } from '../../shared/clock.ts';
import { PostponedError } from './postponed.ts';
import { MAX_RECEIVE_MESSAGES } from './sqs-limits.ts';

/** Seconds until an event that found no room comes again, at first. */
const NO_ROOM_SECONDS = 30;

/** How much a worker may have in work. */
export interface BudgetOptions {
  readonly concurrency: number;
  readonly maxBytesInFlight: number;
  /** An event waits for its turn no longer than one may take, in seconds: another worker may have room. */
  readonly handlerTimeoutSeconds: number;
  readonly clock: Pick<Clock, 'sleep'>;
}

/** What a worker has in hand, and what it may take. */
export interface Budget {
  /** Takes a message in hand: from its receipt until `Place.gone()`. */
  arrive(): Place;
  /** Keeps room for messages that are being asked for. @returns lets go of it, when they have arrived or will not come */
  expect(messages: number): () => void;
  /** Messages that may be received now. */
  readonly room: number;
  /** Waits until another message may be received. @returns how many may. @throws the signal's reason */
  untilRoom(signal: AbortSignal): Promise<number>;
  /** Refuses all that wait for their turn, with this error. */
  turnAway(error: unknown): void;
  /** Resolves when no message is in hand. */
  idle(): Promise<void>;
  /** Messages in hand. */
  readonly inHand: number;
  /** Messages in work, and the bytes that they count for. */
  readonly running: number;
  readonly bytes: number;
}

/** One message's share of the budget. */
export interface Place {
  /**
   * Waits for its turn, first come, first served, and takes a place for work with so many bytes; gives up the one it
   * has first.
   * @throws {PostponedError} when it is large and as many large ones as may are waiting already, or has waited too long
   * @throws what `turnAway` says; the signal's reason
   */
  enter(bytes: number, signal: WatchedSignal): Promise<void>;
  /** Gives the place for work back and stays in hand. Does nothing without one. */
  leave(): void;
  /** Leaves, to wait for something outside. @returns false when as many wait outside as may; nothing has changed then */
  stepAside(): boolean;
  /** The message is settled. */
  gone(): void;
}

type State = 'arriving' | 'waiting' | 'aside' | 'running' | 'leaving' | 'gone';

interface Entry {
  state: State;
  isLarge: boolean;
  charge: number;
  settle: ((error?: unknown) => void) | undefined;
}

/**
 * Bounds the work by messages and by bytes.
 *
 * An event counts with the sum of its attachments' sizes. One that counts for more than half of the budget is *large*:
 * it counts for exactly half, however big it is, and one large event is in work at a time; the other half stays for
 * the small ones, which pass it by. So a slow 100 GB file holds up other large files only, and two of them never fill
 * the budget. While a large one waits, small ones get no more than their half, so it is not starved either. Large
 * events that wait do not keep the worker from polling, as long as there are no more of them than `concurrency`; each
 * further one is given back.
 *
 * Polling stops while a small event waits or no byte is free.
 */
export function createBudget(options: BudgetOptions): Budget {
  const { concurrency, maxBytesInFlight, handlerTimeoutSeconds: maxWaitSeconds, clock } = options;
  const half = Math.floor(maxBytesInFlight / 2);
  const counts: Record<State, number> = {
    arriving: 0,
    waiting: 0,
    aside: 0,
    running: 0,
    leaving: 0,
    gone: 0,
  };
  const [small, large]: [Entry[], Entry[]] = [[], []];
  let smallBytes = 0;
  let isLargeRunning = false;
  let inHand = 0;
  let expected = 0;
  let wakers: (() => void)[] = [];

  const isBusy = (): boolean => inHand > 0;
  const change = (entry: Entry, state: State): void => {
    counts[entry.state] -= 1;
    counts[state] += 1;
    entry.state = state;
  };
  const wake = (): void => {
    for (const waker of wakers.splice(0)) waker();
  };
  const nextChange = (): Promise<void> => new Promise((resolve) => wakers.push(resolve));

  const smallLimit = (): number =>
    isLargeRunning || large.length > 0 ? maxBytesInFlight - half : maxBytesInFlight;

  /** Lets in whose turn it is. */
  const advance = (): void => {
    while (counts.running < concurrency) {
      const [bigOne, smallOne] = [large[0], small[0]];
      if (bigOne !== undefined && !isLargeRunning && smallBytes <= maxBytesInFlight - half) {
        large.shift();
        isLargeRunning = true;
        begin(bigOne);
      } else if (smallOne !== undefined && smallBytes + smallOne.charge <= smallLimit()) {
        small.shift();
        smallBytes += smallOne.charge;
        begin(smallOne);
      } else break;
    }
  };
  const begin = (entry: Entry): void => {
    change(entry, 'running');
    entry.settle?.();
  };

  const leave = (entry: Entry, state: State): void => {
    if (entry.state === 'running') {
      if (entry.isLarge) isLargeRunning = false;
      else smallBytes -= entry.charge;
    }
    change(entry, state);
    advance();
    wake();
  };

  /** Waiting, or a large one among those that stand aside. */
  const queue = (entry: Entry, signal: WatchedSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const line = entry.isLarge ? large : small;
      const onAbort = (): void => entry.settle?.(signal.reason);
      const onTooLong = (): void =>
        entry.settle?.(new PostponedError('no-room', `no room within ${maxWaitSeconds} s`, NO_ROOM_SECONDS));
      let cancel = (): void => {};
      entry.settle = (error) => {
        entry.settle = undefined;
        cancel();
        signal.removeEventListener('abort', onAbort);
        if (error === undefined) return resolve();
        line.splice(line.indexOf(entry), 1);
        leave(entry, 'leaving');
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is passed on as it is
        reject(error);
      };
      line.push(entry);
      change(entry, entry.isLarge ? 'aside' : 'waiting');
      advance();
      if (entry.settle !== undefined) {
        signal.addEventListener('abort', onAbort, { once: true }); // it has to wait
        cancel = after(clock, maxWaitSeconds * 1000, onTooLong);
      }
      wake();
    });

  const room = (): number => {
    if (small.length > 0 || (smallBytes >= smallLimit() && maxBytesInFlight > 0)) return 0;
    const places = concurrency - counts.arriving - counts.running;
    return Math.max(0, Math.min(places, 2 * concurrency + MAX_RECEIVE_MESSAGES - inHand) - expected);
  };

  return {
    arrive() {
      const entry: Entry = { state: 'arriving', isLarge: false, charge: 0, settle: undefined };
      counts.arriving += 1;
      inHand += 1;
      return {
        async enter(bytes, signal) {
          signal.throwIfAborted();
          if (entry.state === 'running') leave(entry, 'arriving');
          entry.isLarge = bytes > half;
          entry.charge = entry.isLarge ? half : bytes;
          const isFull = entry.state !== 'aside' && counts.aside >= concurrency;
          if (entry.isLarge && (isLargeRunning || large.length > 0) && isFull) {
            throw new PostponedError(
              'no-room',
              `${bytes} bytes are more than half of the budget, and ${concurrency} events wait already`,
              NO_ROOM_SECONDS,
            );
          }
          await queue(entry, signal);
        },
        leave() {
          if (entry.state !== 'gone') leave(entry, 'leaving');
        },
        stepAside() {
          if (counts.aside >= concurrency) return false;
          leave(entry, 'aside');
          return true;
        },
        gone() {
          if (entry.state === 'gone') return;
          inHand -= 1;
          leave(entry, 'gone');
        },
      };
    },
    expect(messages) {
      expected += messages;
      return () => {
        expected -= messages;
        wake();
      };
    },
    get room() {
      return room();
    },
    async untilRoom(signal) {
      for (let places = room(); ; places = room()) {
        if (places > 0) return places;
        await abortable(nextChange(), signal);
      }
    },
    turnAway(error) {
      for (const entry of [...small, ...large]) entry.settle?.(error);
    },
    async idle() {
      while (isBusy()) await nextChange();
    },
    get inHand() {
      return inHand;
    },
    get running() {
      return counts.running;
    },
    get bytes() {
      return smallBytes + (isLargeRunning ? half : 0);
    },
  };
}
