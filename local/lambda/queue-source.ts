import { systemClock, type Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import { numberInRange, show } from '../../shared/options.ts';
import type { SqsService } from '../sqs.ts';
import { isRecord, recordsOf } from '../wire.ts';
import { lambdaFunction, type FunctionOptions } from './invoke.ts';
import { failedMessageIds, toSqsRecord } from './sqs-event.ts';
import type { LambdaHandler, LambdaHook, SqsEvent, SqsEventRecord } from './types.ts';

/** How a queue feeds a function. @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html */
export interface QueueHookOptions extends FunctionOptions {
  /** Most messages of one invocation, 1 to 10,000; of a FIFO queue to 10. @default 10 */
  readonly batchSize?: number;
  /** Longest wait for a batch to fill, 0 to 300; at least 1 if `batchSize` is over 10. @default 0 */
  readonly maxBatchingWindowSeconds?: number;
  /** True if the function answers which messages failed; else a batch succeeds or fails as a whole. @default false */
  readonly reportBatchItemFailures?: boolean;
  /** How long messages stay invisible after they were handed to the function, 0 to 43,200. @default - as the queue says */
  readonly visibilityTimeoutSeconds?: number;
}

/** What a queue source needs. */
export interface QueueSourceContext {
  readonly sqs: SqsService;
  readonly region: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Most bytes of one invocation's messages. @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_PAYLOAD_BYTES = 6 * 1024 ** 2;

/**
 * Feeds a function from a queue: receives, invokes, deletes what succeeded. What failed stays invisible until its
 * visibility timeout ends, and is then received again, or moved to the dead-letter queue.
 * @throws {TypeError|RangeError} naming the option that is malformed.
 */
export function feedFromQueue(
  queue: string,
  handler: LambdaHandler<SqsEvent>,
  options: QueueHookOptions,
  context: QueueSourceContext,
): LambdaHook {
  const { sqs, region, logger } = context;
  if (!sqs.hasQueue(queue))
    throw new TypeError(`queue: got ${show(queue)}, expected the name of a queue that exists`);
  const { batchSize, windowMs, visibility } = resolve(queue, options);
  const fn = lambdaFunction(handler, { functionName: queue.replace(/\.fifo$/, ''), ...options }, context);
  const QueueUrl = sqs.queueUrl(queue);
  const stopping = new AbortController();

  const receive = async (count: number, waitMs: number): Promise<readonly SqsEventRecord[]> => {
    const reply = await sqs.run(
      'ReceiveMessage',
      {
        QueueUrl,
        MaxNumberOfMessages: Math.min(10, count),
        WaitTimeSeconds: Math.min(20, Math.max(0, waitMs) / 1_000),
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
        ...visibility,
      },
      stopping.signal,
    );
    const output: unknown = JSON.parse(reply.body);
    if (reply.status !== 200) throw new Error(`ReceiveMessage answered ${reply.status}`);
    if (stopping.signal.aborted) {
      await reply.undelivered?.();
      return [];
    }
    const messages = recordsOf(isRecord(output) ? output['Messages'] : undefined);
    return messages.map((message) => toSqsRecord(message, sqs.queueArn(queue), region));
  };

  const gather = async (): Promise<readonly SqsEventRecord[]> => {
    const records = [...(await receive(batchSize, 20_000))];
    if (windowMs === 0) return records; // one receive is all that there is time for
    const endMs = systemClock.monotonicMs() + windowMs; // the queue's own time, too, is the machine's
    let bytes = sizeOf(records);
    while (records.length > 0 && records.length < batchSize && bytes < MAX_PAYLOAD_BYTES - 2 * 1024 ** 2) {
      const leftMs = endMs - systemClock.monotonicMs();
      const more = await receive(batchSize - records.length, leftMs);
      records.push(...more);
      bytes += sizeOf(more);
      if (stopping.signal.aborted || (more.length === 0 && leftMs <= 0)) break;
    }
    return records;
  };

  const settle = async (records: readonly SqsEventRecord[], failed: ReadonlySet<string>): Promise<void> => {
    const done = records.filter(({ messageId }) => !failed.has(messageId));
    for (let from = 0; from < done.length; from += 10) {
      const Entries = done
        .slice(from, from + 10)
        .map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle }));
      await sqs.call('DeleteMessageBatch', { QueueUrl, Entries });
    }
  };

  const handle = async (records: readonly SqsEventRecord[]): Promise<void> => {
    const ids = new Set(records.map(({ messageId }) => messageId));
    let failed: ReadonlySet<string> = ids;
    try {
      const answer = await fn.invoke({ Records: records });
      failed = options.reportBatchItemFailures === true ? failedMessageIds(answer, ids) : new Set();
    } catch (error) {
      logger.warn({ err: error, queue, messages: records.length }, 'a function failed its batch');
    }
    await settle(records, failed);
  };

  const poll = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        const records = await gather();
        if (records.length > 0) await handle(records);
      } catch (error) {
        if (!sqs.hasQueue(queue)) return;
        logger.error({ err: error, queue }, 'a queue could not feed its function');
        await systemClock.sleep(1_000, stopping.signal).catch(() => {}); // stopped while waiting
      }
    }
  };

  const done = poll();
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the function was stopped'));
    await done;
  };
  return { stop, [Symbol.asyncDispose]: stop };
}

function resolve(
  queue: string,
  options: QueueHookOptions,
): {
  readonly batchSize: number;
  readonly windowMs: number;
  readonly visibility: { readonly VisibilityTimeout?: number };
} {
  const fifo = queue.endsWith('.fifo');
  const batchSize = numberInRange('batchSize', options.batchSize ?? 10, { min: 1, max: fifo ? 10 : 10_000 });
  const window = numberInRange('maxBatchingWindowSeconds', options.maxBatchingWindowSeconds ?? 0, {
    min: batchSize > 10 ? 1 : 0,
    max: fifo ? 0 : 300,
    unit: 's',
  });
  const { visibilityTimeoutSeconds: timeout } = options;
  const bounds = { min: 0, max: 43_200, unit: 's' };
  return {
    batchSize,
    windowMs: window * 1_000,
    visibility:
      timeout === undefined
        ? {}
        : { VisibilityTimeout: numberInRange('visibilityTimeoutSeconds', timeout, bounds) },
  };
}

function sizeOf(records: readonly SqsEventRecord[]): number {
  return records.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
}
