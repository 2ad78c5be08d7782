/**
 * Longest time between two looks at a queue while a receiver waits, in milliseconds. Sends wake receivers at
 * once; this is for messages that become visible by time: a delay or a visibility timeout that ends.
 */
const LOOK_AGAIN_MS = 100;

/** Wakes receivers that wait for a queue. */
export interface QueueActivity {
  /** Wakes up to `count` receivers of this queue, those that have waited longest first. */
  notify(queue: string, count: number): void;
  /** Resolves when woken, after at most `maxMs` milliseconds, or when `signal` aborts. Never rejects. */
  wait(queue: string, maxMs: number, signal: AbortSignal): Promise<void>;
  /** Receivers that wait now. */
  readonly waiting: number;
}

/** Makes the waiting room of all queues. Long polls wait here, not in the store, so that one can leave alone. */
export function createQueueActivity(): QueueActivity {
  const rooms = new Map<string, Set<() => void>>();
  return {
    notify: (queue, count) => {
      const room = rooms.get(queue);
      if (room === undefined) return;
      for (const wake of [...room].slice(0, count)) wake();
    },
    wait: async (queue, maxMs, signal) => {
      if (signal.aborted || maxMs <= 0) return;
      const room = rooms.get(queue) ?? new Set();
      rooms.set(queue, room);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          room.delete(wake);
          if (room.size === 0 && rooms.get(queue) === room) rooms.delete(queue);
          clearTimeout(timer);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        const timer = setTimeout(wake, Math.min(maxMs, LOOK_AGAIN_MS));
        room.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    },
    get waiting() {
      let sum = 0;
      for (const room of rooms.values()) sum += room.size;
      return sum;
    },
  };
}
