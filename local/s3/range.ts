/** A span of bytes; `end` is inclusive. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a Range header against an object's size.
 *
 * A header that is malformed, in another unit or names several ranges is ignored, as S3 does.
 *
 * @returns the span; `whole` if there is nothing to do; `unsatisfiable` for a 416
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
 */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): ByteSpan | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (match === null) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    if (length === 0) return 'unsatisfiable';
    return { start: sizeBytes - length, end: sizeBytes - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'whole';
  if (start >= sizeBytes) return 'unsatisfiable';
  return { start, end: last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1) };
}
