import type { Logger } from '../../shared/logger.ts';
import type { TelemetrySpan } from '../../shared/telemetry.ts';
import type { DownloadEvent, DownloadResult, ResumeReason } from './result.ts';
import { tellDownloadSpan } from './telemetry.ts';

const MAX_LISTED = 1_000;
const MIN_STEP_BYTES = 64 * 1024;
const MAX_STEP_BYTES = 8 * 1024 ** 2;

/** Counts what a download does, and tells its listener. */
export class Meter {
  /** Body bytes received. */
  fetchedBytes = 0;
  /** Bytes that brought the download forward, over all restarts: only ever grows, so it tells progress. */
  progressBytes = 0;
  refetches = 0;
  retries = 0;
  restarts = 0;
  journalBytes = 0;
  readonly resumedAtBytes: number[] = [];
  readonly span: TelemetrySpan;
  #receivedBytes = 0;
  #toldBytes = 0;
  readonly #onEvent: ((event: DownloadEvent) => void) | undefined;
  readonly #logger: Logger;
  readonly #object: string;

  constructor(
    object: string,
    logger: Logger,
    onEvent: ((event: DownloadEvent) => void) | undefined,
    span: TelemetrySpan,
  ) {
    this.#object = object;
    this.span = span;
    this.#logger = logger;
    this.#onEvent = onEvent;
  }

  /** Tells the listener and the debug log. */
  emit(event: DownloadEvent): void {
    tellDownloadSpan(this.span, event);
    if (event.kind !== 'progress')
      this.#logger.debug({ object: this.#object, ...event }, `download ${event.kind}`);
    try {
      this.#onEvent?.(event);
    } catch (error) {
      this.#logger.error({ object: this.#object, error }, 'the listener of a download threw');
    }
  }

  /** Counts new bytes. */
  received(bytes: number, sizeBytes: number): void {
    this.#receivedBytes += bytes;
    this.progressBytes += bytes;
    const step = Math.min(Math.max(sizeBytes / 1_000, MIN_STEP_BYTES), MAX_STEP_BYTES);
    if (this.#receivedBytes - this.#toldBytes < step && this.#receivedBytes < sizeBytes) return;
    this.#toldBytes = this.#receivedBytes;
    this.emit({ kind: 'progress', receivedBytes: this.#receivedBytes, sizeBytes });
  }

  resumed(atByte: number, reason: ResumeReason): void {
    if (this.resumedAtBytes.length < MAX_LISTED) this.resumedAtBytes.push(atByte);
    this.emit({ kind: 'resumed', atByte, reason });
  }

  /** Takes over bytes that an earlier process left. */
  takenOver(bytes: number): void {
    this.journalBytes = bytes;
    this.#receivedBytes = bytes;
    this.emit({ kind: 'journal-resumed', bytes });
  }

  /** All received so far was dropped. */
  restarted(reason: 'range' | 'checksum'): void {
    this.restarts += 1;
    this.journalBytes = 0;
    this.#receivedBytes = 0;
    this.#toldBytes = 0;
    this.emit({ kind: 'restarted', reason });
  }

  /** A stream's wrong range is asked for once more; nothing is dropped. */
  askedAgain(reason: 'range' | 'checksum'): void {
    this.restarts += 1;
    this.emit({ kind: 'restarted', reason });
  }

  /** The counters' part of a result. */
  totals(
    sizeBytes: number,
  ): Pick<
    DownloadResult,
    | 'sizeBytes'
    | 'fetchedBytes'
    | 'repeatedBytes'
    | 'refetches'
    | 'retries'
    | 'restarts'
    | 'resumedAtBytes'
    | 'journalBytes'
  > {
    const { fetchedBytes, refetches, retries, restarts, resumedAtBytes, journalBytes } = this;
    const repeatedBytes = fetchedBytes - (sizeBytes - journalBytes);
    return {
      sizeBytes,
      fetchedBytes,
      repeatedBytes,
      refetches,
      retries,
      restarts,
      resumedAtBytes,
      journalBytes,
    };
  }
}
