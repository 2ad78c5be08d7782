/** Gives the value at a path; undefined if there is none. */
export type PathReader = (event: unknown) => unknown;

/**
 * Compiles a path as EventBridge takes it: dots, array indices and `*`; no filters, slices or quotes.
 * @returns undefined if the text is no such path.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 */
export function compilePath(path: string): PathReader | undefined {
  if (!/^\$(\.([\w/-]+|\*)|\[(\d+|\*)\])*$/.test(path)) return undefined;
  const steps = [...path.matchAll(/\.([\w/-]+|\*)|\[(\d+|\*)\]/g)].map(
    ([, name, index]) => name ?? index ?? '',
  );
  return (event) => read(event, steps);
}

function read(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return value;
  if (typeof value !== 'object' || value === null) return undefined;
  if (step === '*') {
    const found = Object.values(value).map((child: unknown) => read(child, rest));
    return found.filter((child) => child !== undefined);
  }
  return Object.hasOwn(value, step) ? read((value as Record<string, unknown>)[step], rest) : undefined;
}
