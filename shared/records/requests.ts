import type { S3Client } from '@aws-sdk/client-s3';
import { awsErrorCode, awsErrorStatus, describeAwsError, isTransientAwsError } from '../aws-failure.ts';
import { withDeadline } from '../deadline.ts';
import { isWaybillError, RecordsError } from '../errors.ts';
import { retrying } from '../retrying.ts';
import type { ResolvedRecordsOptions } from './options.ts';

/** A record that was there a moment ago is not, or the other way round: the next attempt sees clearer. */
export class RaceLostError extends Error {
  override readonly name = 'RaceLostError';
}

/** Sends requests: each with its deadline, tried again while that may help. */
export interface RecordRequests {
  /** Runs `work`, which may send several requests, until it succeeds. @throws {RecordsError} */
  retried<T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T>;
  /** One request, once. @throws what the client throws */
  once<T>(
    what: string,
    signal: AbortSignal | undefined,
    send: (client: S3Client, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T>;
}

export function createRecordRequests(options: ResolvedRecordsOptions): RecordRequests {
  const { client, retry, clock, random, logger, attemptTimeoutMs } = options;
  return {
    async retried(what, signal, work) {
      try {
        return await retrying(work, {
          retry,
          clock,
          random,
          signal,
          isTransient: (error) =>
            error instanceof RaceLostError || isTransientAwsError(error) || isWriteConflict(error),
          onRetry: (error, attempt, delayMs) =>
            logger.warn({ what, attempt, delayMs, reason: describeAwsError(error) }, 'record, trying again'),
        });
      } catch (error) {
        signal?.throwIfAborted();
        if (isWaybillError(error) && error instanceof RecordsError) throw error;
        throw new RecordsError(`${what}: ${describeAwsError(error)}`, { cause: error });
      }
    },
    once: async (what, signal, send) =>
      await withDeadline(
        what,
        attemptTimeoutMs,
        signal,
        async (abortSignal) => await send(client, abortSignal),
      ),
  };
}

/**
 * 409: another write to the key was under way, and this one did not take effect.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function isWriteConflict(error: unknown): boolean {
  return awsErrorCode(error) === 'ConditionalRequestConflict' || awsErrorStatus(error) === 409;
}

/** 412: the condition of a write does not hold. */
export function isRefusedCondition(error: unknown): boolean {
  return awsErrorStatus(error) === 412;
}

/** The record is not there; a bucket that is not there is something else. */
export function isMissing(error: unknown): boolean {
  return awsErrorStatus(error) === 404 && awsErrorCode(error) !== 'NoSuchBucket';
}

/** True if the request may have taken effect although it failed. */
export function mayHaveApplied(error: unknown): boolean {
  return isTransientAwsError(error) && !isWriteConflict(error);
}
