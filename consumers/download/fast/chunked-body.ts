/** Longest chunked error body that is read, in bytes of its text; S3's are below 2 KiB. */
export const MAX_CHUNKED_BYTES = 16 * 1024;

/** Longest size line, `FFFF` and CRLF; none of a body this small is longer without leading zeros. */
const MAX_SIZE_LINE = 8;

/** How far a chunked body has come. */
export interface ChunkedBody {
  /**
   * - `more`: its end is still to come. `done`: it is complete.
   * - `full`: it is longer than what is read; `text` is its beginning.
   * - `bad`: not as the strict rules have it (extensions, trailers, bare line ends).
   */
  readonly state: 'more' | 'done' | 'full' | 'bad';
  /** The bytes of the chunks so far. */
  readonly text: Buffer;
  /** Bytes of `raw` that belong to the body; what follows belongs to nobody. */
  readonly rawBytes: number;
}

/**
 * Reads a small body that comes in chunks, from all of it that has come so far: AWS sends its error replies so.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-7.1
 */
export function parseChunked(raw: Buffer): ChunkedBody {
  const pieces: Buffer[] = [];
  let [at, length] = [0, 0];
  const ended = (state: ChunkedBody['state']): ChunkedBody => ({
    state,
    text: Buffer.concat(pieces),
    rawBytes: at,
  });
  for (;;) {
    const line = raw.toString('latin1', at, at + MAX_SIZE_LINE);
    const size = /^([0-9A-Fa-f]{1,6})\r\n/.exec(line);
    if (size === null) {
      const begun = /^(?:[0-9A-Fa-f]{1,6}\r?)?$/.test(line) && raw.length - at < MAX_SIZE_LINE;
      return ended(begun ? 'more' : 'bad');
    }
    const dataAt = at + size[0].length;
    const bytes = Number.parseInt(size[1] ?? '', 16);
    const end = raw.toString('latin1', dataAt + bytes, dataAt + bytes + 2);
    const whole = raw.length >= dataAt + bytes + 2;
    if (!'\r\n'.startsWith(end)) return ended('bad');
    if (bytes > 0) {
      pieces.push(raw.subarray(dataAt, Math.min(dataAt + bytes, dataAt + MAX_CHUNKED_BYTES - length)));
      length += pieces.at(-1)?.length ?? 0;
      if (length >= MAX_CHUNKED_BYTES) return ended('full');
    }
    if (!whole) return ended('more');
    at = dataAt + bytes + 2;
    if (bytes === 0) return ended('done');
  }
}
