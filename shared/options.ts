/** Bounds of a numeric option, both inclusive. */
export interface NumberBounds {
  readonly min: number;
  readonly max: number;
  /** Shown in the message: `s`, `ms`, `bytes`. */
  readonly unit?: string;
  /** @default true */
  readonly integer?: boolean;
}

/**
 * Returns `value` if it is a number within bounds.
 * @throws {RangeError} naming the field, the value given and the allowed range.
 */
export function numberInRange(field: string, value: unknown, bounds: NumberBounds): number {
  const { min, max, unit, integer = true } = bounds;
  const ok =
    typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value));
  if (ok) return value;
  const kind = integer ? 'an integer' : 'a number';
  const suffix = unit === undefined ? '' : ` ${unit}`;
  throw new RangeError(`${field}: got ${show(value)}, expected ${kind} from ${min} to ${max}${suffix}`);
}

/**
 * Returns `value` if it is a non-empty string.
 * @throws {TypeError} naming the field and the value given.
 */
export function nonEmptyString(field: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new TypeError(`${field}: got ${show(value)}, expected a non-empty string`);
}

/**
 * Returns `value` if it is an absolute http or https URL.
 * @throws {TypeError} naming the field; the query is never shown.
 */
export function httpUrl(field: string, value: unknown): URL {
  if (typeof value === 'string' && URL.canParse(value)) {
    const url = new URL(value);
    if (url.protocol === 'http:' || url.protocol === 'https:') return url;
  }
  const shown = typeof value === 'string' ? value.replace(/\?.*$/s, '?…') : value;
  throw new TypeError(`${field}: got ${show(shown)}, expected an absolute http or https URL`);
}

/** A short, safe rendering of any value for an error message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}
