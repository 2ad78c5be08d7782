import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import { systemClock, type Clock } from '../../shared/clock.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { httpUrl, nonEmptyString, numberInRange } from '../../shared/options.ts';
import { createEventFilter, type EventFilterOptions, type FilterSubject } from '../event-filter.ts';

/** Which dead-letter queue, and how to reach it. */
export interface DeadLetterQueueOptions {
  readonly queueUrl: string;
  /** @default - from the queue's URL */
  readonly region?: string;
  /** SQS's endpoint, an absolute URL. @default - AWS's */
  readonly endpoint?: string;
  /** @default - the SDK's provider chain */
  readonly credentials?: NonNullable<SQSClientConfig['credentials']>;
  /** Used as it is, and not destroyed by `close()`. */
  readonly sqs?: SQSClient;
  /**
   * For how long messages that are looked at are hidden, 10 to 43,200 s. A look that takes longer sees them again, and
   * knows them.
   * @default 120
   */
  readonly visibilityTimeoutSeconds?: number;
  /**
   * Long poll of each look, 0 to 20 s. Two looks in a row that bring nothing end a walk; 0 asks only some of SQS's
   * servers, and may miss messages.
   * @default 1
   * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
   */
  readonly pollWaitSeconds?: number;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default silentLogger */
  readonly logger?: Logger;
}

/** Which messages of the queue. */
export interface DeadLetterFilter extends EventFilterOptions {
  /** SQS message ids, whole. */
  readonly messageIds?: readonly string[];
}

/** What every walk over the queue takes. */
export interface DeadLetterWalk {
  /** @default - all messages */
  readonly filter?: DeadLetterFilter;
  /** Looks at no more messages than about this many, 1 to 1,000,000. @default 100_000 */
  readonly maxMessages?: number;
  readonly signal?: AbortSignal;
}

export const dlqDefaults = {
  visibilityTimeoutSeconds: 120,
  pollWaitSeconds: 1,
  maxMessages: 100_000,
} as const;

export interface ResolvedDlqOptions {
  readonly queueUrl: string;
  readonly sqs: SQSClient;
  readonly ownsSqs: boolean;
  readonly visibilitySeconds: number;
  readonly waitSeconds: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws {TypeError|RangeError} naming the field, the value and what was expected */
export function resolveDlqOptions(options: DeadLetterQueueOptions): ResolvedDlqOptions {
  const { endpoint, credentials, sqs } = options;
  const queueUrl = httpUrl('queueUrl', options.queueUrl).href;
  const region = options.region ?? /^sqs\.([a-z0-9-]+)\./.exec(new URL(queueUrl).hostname)?.[1];
  return {
    queueUrl,
    sqs:
      sqs ??
      new SQSClient({
        ...(region === undefined ? {} : { region: nonEmptyString('region', region) }),
        ...(endpoint === undefined ? {} : { endpoint: httpUrl('endpoint', endpoint).href }),
        ...(credentials === undefined ? {} : { credentials }),
      }),
    ownsSqs: sqs === undefined,
    visibilitySeconds: numberInRange(
      'visibilityTimeoutSeconds',
      options.visibilityTimeoutSeconds ?? dlqDefaults.visibilityTimeoutSeconds,
      { min: 10, max: 43_200, unit: 's' },
    ),
    waitSeconds: numberInRange('pollWaitSeconds', options.pollWaitSeconds ?? dlqDefaults.pollWaitSeconds, {
      min: 0,
      max: 20,
      unit: 's',
    }),
    clock: options.clock ?? systemClock,
    logger: redactingLogger(options.logger ?? silentLogger),
  };
}

/** The walk's own filter and bound. @throws {TypeError|RangeError} */
export function resolveWalk(walk: DeadLetterWalk): {
  readonly matchesAll: boolean;
  readonly matches: (letter: FilterSubject & { readonly messageId: string }) => boolean;
  readonly maxMessages: number;
} {
  const { messageIds, ...rest } = walk.filter ?? {};
  const filter = createEventFilter(rest);
  const ids = messageIds === undefined ? undefined : new Set(messageIds);
  return {
    matchesAll: filter.matchesAll && ids === undefined,
    matches: (letter) => (ids === undefined || ids.has(letter.messageId)) && filter.matches(letter),
    maxMessages: numberInRange('maxMessages', walk.maxMessages ?? dlqDefaults.maxMessages, {
      min: 1,
      max: 1_000_000,
    }),
  };
}
