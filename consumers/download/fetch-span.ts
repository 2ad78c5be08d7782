import { combineCrc32c, crc32c } from '../../shared/crc32c.ts';
import type { Span } from '../../shared/part-plan.ts';
import type { PartialDownload } from './partial-download.ts';
import { readSpan } from './read-span.ts';
import type { Transfer } from './transfer.ts';

/** A span on its way into the file. */
export class RunningSpan {
  readonly span: Span;
  readonly startedMs: number;
  /** The next byte to come. */
  at: number;
  /** The part that `at` is in, and the CRC32C of its bytes before `at`. */
  part: number;
  crc = 0;

  constructor(span: Span, part: number, startedMs: number) {
    this.span = span;
    this.startedMs = startedMs;
    this.at = span.start;
    this.part = part;
  }
}

/**
 * Fetches a span into the file, and says of each part in it when it is complete.
 * @param running must be new; tells others how far it is
 * @param single true if the span may be the whole, asked for without a range
 */
export async function fetchSpan(
  transfer: Transfer,
  partial: PartialDownload,
  running: RunningSpan,
  single: boolean,
): Promise<void> {
  const { plan } = partial;
  const { span } = running;
  const plain = plan.sizeBytes === 0 || (single && span.start === 0 && span.end === plan.sizeBytes);
  const chunks = readSpan(transfer, span, {
    plain,
    onGoodReply: async () => await partial.begin(),
    receive: (response, at) => partial.receive(response, { start: at, end: span.end }),
    fileBytes: single ? undefined : partial.sharedBytes,
  });
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) {
      // Of one part, as the span is: a lane that is not the only one has one part at a time.
      running.crc = combineCrc32c(running.crc, chunk.crc32c, chunk.length);
      running.at += chunk.length;
      if (running.at === span.end) await partial.complete(running.part, running.crc);
      continue;
    }
    const start = running.at;
    const complete: [part: number, crc: number][] = [];
    // Summed before it is written: it is in this core's cache now.
    for (let rest = chunk; rest.length > 0;) {
      const { end } = plan.span(running.part);
      const piece = rest.subarray(0, end - running.at);
      running.crc = crc32c(piece, running.crc);
      running.at += piece.length;
      rest = rest.subarray(piece.length);
      if (running.at < end) continue;
      complete.push([running.part, running.crc]);
      running.part += 1;
      running.crc = 0;
    }
    await partial.write(chunk, start);
    for (const [part, crc] of complete) await partial.complete(part, crc);
  }
}
