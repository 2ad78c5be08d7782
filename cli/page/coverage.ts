/** Which bytes of a payload have been somewhere, as disjoint spans in order; ends are exclusive. */
export class Coverage {
  #spans: (readonly [start: number, end: number])[] = [];

  add(start: number, end: number): void {
    if (end <= start) return;
    let [from, to] = [start, end];
    const apart: (readonly [number, number])[] = [];
    for (const span of this.#spans) {
      if (span[1] < from || span[0] > to) apart.push(span);
      else [from, to] = [Math.min(from, span[0]), Math.max(to, span[1])];
    }
    this.#spans = [...apart, [from, to] as const].sort((a, b) => a[0] - b[0]);
  }

  spans(): readonly (readonly [start: number, end: number])[] {
    return this.#spans;
  }

  bytes(): number {
    return this.#spans.reduce((sum, [start, end]) => sum + end - start, 0);
  }
}

/** First byte that a Range header asks for; 0 without one. A suffix range counts from the end of `size`. */
export function rangeStart(range: string | undefined, size: number): number {
  const [, start = '', end = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (start === '' && end !== '') return Math.max(0, size - Number(end));
  return Number(start);
}
