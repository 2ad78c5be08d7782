/** Upper bounds of a handler's durations, in seconds: from a lookup to an hour of copying. */
export const HANDLER_SECONDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600] as const;

/** What a histogram holds; `counts` has one more place than `bounds`, for what is above all. */
export interface HistogramValue {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Counts durations by upper bounds. */
export interface Histogram {
  record(value: number): void;
  readonly value: HistogramValue;
}

/** @param bounds upper bounds, inclusive, ascending */
export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0);
  let sum = 0;
  return {
    record(value) {
      const at = bounds.findIndex((bound) => value <= bound);
      const place = at === -1 ? bounds.length : at;
      counts[place] = (counts[place] ?? 0) + 1;
      sum += value;
    },
    get value() {
      return { bounds, counts: [...counts], sum };
    },
  };
}
