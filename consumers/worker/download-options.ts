import { createClockOffset, type DownloadOptions } from '../download/index.ts';
import type { ResolvedWorkerOptions } from './options.ts';

/** What all downloads of a worker have in common; the clock offset that one learns serves the next. */
export function downloadOptions(options: ResolvedWorkerOptions): DownloadOptions {
  const { stores, urlSource, clock, random, logger, download } = options;
  return {
    clockOffset: createClockOffset(),
    ...download,
    ...(urlSource === undefined ? {} : { urlSource }),
    stores,
    clock,
    random,
    logger,
  };
}
