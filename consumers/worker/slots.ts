import { abortable } from '../../shared/cancellation.ts';

/** Bounded places for work; one taker waits at a time. */
export interface Slots {
  /** Runs `work` in a place of its own; what it throws is its own affair. */
  run(work: () => Promise<void>): void;
  /** Waits until a place is free. @returns how many are. @throws the signal's reason */
  free(signal: AbortSignal): Promise<number>;
  /** Resolves when no work is running. */
  idle(): Promise<void>;
  readonly running: number;
}

/** @param limit places in all */
export function createSlots(limit: number): Slots {
  let running = 0;
  let wake: (() => void) | undefined;
  const isFull = (): boolean => running >= limit;
  const isBusy = (): boolean => running > 0;
  const nextEnd = (): Promise<void> =>
    new Promise((resolve) => {
      const before = wake;
      wake = () => {
        before?.();
        resolve();
      };
    });
  const end = (): void => {
    running -= 1;
    const waiting = wake;
    wake = undefined;
    waiting?.();
  };
  return {
    run(work) {
      running += 1;
      void work().then(end, end);
    },
    async free(signal) {
      while (isFull()) await abortable(nextEnd(), signal);
      return limit - running;
    },
    async idle() {
      while (isBusy()) await nextEnd();
    },
    get running() {
      return running;
    },
  };
}
