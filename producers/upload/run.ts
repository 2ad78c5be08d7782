import type { Clock, Random } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import { retrying } from '../../shared/retrying.ts';
import type { ResolvedUploadOptions } from './options.ts';
import {
  transportFailure,
  type StoredObject,
  type UploadFailure,
  type UploadTarget,
  type UploadTransport,
} from './transport.ts';

/** What every step of one upload needs. */
export interface UploadRun {
  readonly transport: UploadTransport;
  readonly options: ResolvedUploadOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly target: UploadTarget;
  /** Aborts when the caller's signal does. */
  readonly signal: AbortSignal;
  /** Told how many bytes S3 has taken so far. */
  onProgress(uploadedBytes: number): void;
}

/** What S3 holds after a write, sure to be ours. */
export interface SettledObject extends StoredObject {
  readonly versionId: string;
}

/**
 * Runs one request of an upload until it succeeds or its attempts are used up.
 * @param alsoTransient failures to try again besides `transient`
 */
export async function requesting<T>(
  run: UploadRun,
  what: string,
  work: () => Promise<T>,
  alsoTransient?: UploadFailure,
): Promise<T> {
  return await retrying(work, {
    retry: run.options.retry,
    clock: run.clock,
    random: run.random,
    signal: run.signal,
    isTransient: (error) => {
      const failure = transportFailure(error);
      return failure === 'transient' || (failure !== undefined && failure === alsoTransient);
    },
    onRetry: (error, attempt, delayMs) =>
      run.logger.warn(
        { key: run.target.key, what, attempt, delayMs, reason: (error as Error).message },
        'upload request failed, trying again',
      ),
  });
}
