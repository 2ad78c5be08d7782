import type { Logger } from '../../shared/logger.ts';
import type { ResolvedWorkerOptions } from './options.ts';
import { equalJitterMs } from './backoff.ts';
import { isQueueMissing, type Queue, type QueueDescription } from './queue.ts';

/** Delays while the queue cannot be asked about itself. */
const START_BACKOFF = { backoffBaseMs: 500, backoffCapMs: 30_000 };

/** What a worker learns of its queue before the first poll. */
export interface QueueFacts {
  /** The queue's ARN, or its URL where the ARN may not be read. */
  readonly queueId: string;
  readonly deadLetterQueueUrl: string | undefined;
}

/**
 * Asks the queue for its ARN and its dead-letter queue; tries again for as long as SQS does not answer. A caller that
 * may not ask goes on without: rejected messages are then retried, unless the dead-letter queue is an option.
 *
 * @throws {TypeError} when the queue does not exist, or no region is configured: waiting would not help
 * @throws the signal's reason
 */
export async function learnQueue(
  queue: Queue,
  options: Pick<ResolvedWorkerOptions, 'deadLetterQueueUrl' | 'clock' | 'random'>,
  logger: Logger,
  signal: AbortSignal,
): Promise<QueueFacts> {
  for (let failures = 1; ; failures += 1) {
    try {
      const description = await queue.describe(signal);
      const deadLetterQueueUrl =
        options.deadLetterQueueUrl ?? (await deadLetterUrl(queue, description, logger, signal));
      return { queueId: description.arn ?? queue.url, deadLetterQueueUrl };
    } catch (error) {
      signal.throwIfAborted();
      refuseIfFatal(error, queue.url);
      if (isForbidden(error)) {
        logger.warn({ error }, 'the queue may not be asked for its dead-letter queue (GetQueueAttributes)');
        return { queueId: queue.url, deadLetterQueueUrl: options.deadLetterQueueUrl };
      }
      const delayMs = equalJitterMs(failures, START_BACKOFF, options.random);
      logger.error({ error, delayMs }, 'the queue cannot be asked about itself; trying again');
      await options.clock.sleep(delayMs, signal);
    }
  }
}

async function deadLetterUrl(
  queue: Queue,
  { deadLetterQueueArn }: QueueDescription,
  logger: Logger,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (deadLetterQueueArn === undefined) {
    logger.warn(
      { queueUrl: queue.url },
      'the queue has no dead-letter queue; rejected messages will be retried',
    );
    return undefined;
  }
  try {
    return await queue.urlOf(deadLetterQueueArn, signal);
  } catch (error) {
    if (!isQueueMissing(error) && !isForbidden(error)) throw error;
    logger.error(
      { error, deadLetterQueueArn },
      'the dead-letter queue cannot be found; rejected messages will be retried',
    );
    return undefined;
  }
}

function refuseIfFatal(error: unknown, queueUrl: string): void {
  if (isQueueMissing(error)) {
    throw new TypeError(
      `queueUrl: got ${JSON.stringify(queueUrl)}, expected the URL of a queue that exists`,
      {
        cause: error,
      },
    );
  }
  if (error instanceof Error && error.message.startsWith('Region is missing')) {
    throw new TypeError("sqs.region: got undefined, expected a region here or in the SDK's configuration", {
      cause: error,
    });
  }
}

function isForbidden(error: unknown): boolean {
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata;
  return metadata?.httpStatusCode === 403 || (error instanceof Error && /AccessDenied/.test(error.name));
}
