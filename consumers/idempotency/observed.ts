/** How long each lease has been seen unchanged, by this process's monotonic clock. */
export interface Observed {
  /**
   * Milliseconds for which `key` is known to have had this etag; 0 when it is seen for the first time.
   * @param askedMs monotonic time before the record was asked for
   * @param answeredMs monotonic time after it was answered
   */
  unchangedMs(key: string, etag: string, askedMs: number, answeredMs: number): number;
  /** The key is ours, done or gone: nothing to watch. */
  forget(key: string): void;
  readonly size: number;
}

/**
 * Remembers at most `max` keys; beyond, the one that was not asked about for longest is forgotten, which only means
 * that its lease is taken over later.
 */
export function createObserved(max: number): Observed {
  const seen = new Map<string, { readonly etag: string; readonly sinceMs: number }>();
  return {
    unchangedMs(key, etag, askedMs, answeredMs) {
      const before = seen.get(key);
      seen.delete(key); // and set again: a Map keeps the order of insertion, so the first is the longest untouched
      const entry = before?.etag === etag ? before : { etag, sinceMs: answeredMs };
      seen.set(key, entry);
      for (const oldest of seen.keys()) {
        if (seen.size <= max) break;
        seen.delete(oldest);
      }
      return Math.max(0, askedMs - entry.sinceMs);
    },
    forget: (key) => void seen.delete(key),
    get size() {
      return seen.size;
    },
  };
}
