import { createMonitor } from './health/monitor.ts';
import { observed } from './health/observe.ts';
import { after } from '../shared/clock.ts';
import { SizeLimitError } from '../shared/errors.ts';
import { show } from '../shared/options.ts';
import { handleRecord, toMessage } from './lambda/handle-record.ts';
import { resolveSqsHandlerOptions, type SqsHandlerOptions } from './lambda/options.ts';
import type { LambdaBatchResponse, LambdaInvocation, LambdaSqsEvent } from './lambda/types.ts';
import { HandlerTimeoutError } from './outcomes.ts';
import { createMessageCalls } from './worker/batches.ts';
import { createBudget, type Budget } from './worker/budget.ts';
import { createCircuit } from './worker/circuit.ts';
import { downloadOptions } from './worker/download-options.ts';
import { createQueue } from './worker/queue.ts';
import { safeEmit, zeroCounters, type WorkerRuntime } from './worker/runtime.ts';
import type { EventSchemas } from './worker/types.ts';

export { sqsHandlerDefaults, type SqsHandlerOptions } from './lambda/options.ts';
export type {
  LambdaBatchResponse,
  LambdaInvocation,
  LambdaSqsAttribute,
  LambdaSqsEvent,
  LambdaSqsRecord,
} from './lambda/types.ts';

/** A function behind an SQS event source. */
export type SqsHandler = (event: LambdaSqsEvent, context: LambdaInvocation) => Promise<LambdaBatchResponse>;

/**
 * Makes of a worker's handler a Lambda function behind an SQS event source. **The event source mapping needs
 * `ReportBatchItemFailures`**: without it a message that fails is deleted.
 *
 * Each message takes the worker's way: parsed, checked, leased if there are idempotency records, handled. It is done when
 * it was handled, handled before, or ignored; when it was rejected and `deadLetterQueueUrl` took it. All others are
 * returned as failures and come again when the queue's visibility timeout ends. What is unfinished shortly before
 * the invocation's end is aborted and returned. When something that every message needs is broken, nothing more of
 * the batch is begun.
 *
 * @throws {TypeError|RangeError} naming the option that is wrong
 * @example
 * export const handler = createSqsHandler({
 *   stores: { payloads: { bucket: 'acme-payloads', region: 'eu-central-1' } },
 *   events: { 'invoice.created': z.object({ number: z.string() }) },
 *   deadLetterQueueUrl: process.env.DEAD_LETTER_QUEUE_URL,
 *   handler: async (event) => await book(event),
 * });
 */
export function createSqsHandler<const Schemas extends EventSchemas>(
  options: SqsHandlerOptions<Schemas>,
): SqsHandler {
  const { worker, maxEventBytes, deadlineMarginMs } = resolveSqsHandlerOptions(options);
  const download = downloadOptions(worker); // kept between invocations, and with it connections and clock offset
  return async (batch, context) => {
    const [first] = batch.Records;
    if (first === undefined) return { batchItemFailures: [] };
    const queueId = first.eventSourceARN;
    const budget = boundedBudget(createBudget(worker), maxEventBytes);
    const monitor = createMonitor(worker.clock);
    const options = observed({ ...worker, queueUrl: queueUrlOf(queueId) }, monitor, () => budget.inHand);
    const { clock, random, logger } = options;
    const emit = safeEmit(options.onEvent, logger);
    const queue = createQueue(options.sqs, options.queueUrl);
    const [work, never] = [new AbortController(), new AbortController()];
    const runtime: WorkerRuntime = {
      options,
      queue,
      calls: createMessageCalls(queue, { clock, random, callMs: () => deadlineMarginMs }),
      queueId,
      deadLetterQueueUrl: options.deadLetterQueueUrl,
      download,
      budget,
      receives: new Set(),
      circuit: createCircuit(clock, random, emit),
      counters: zeroCounters(),
      logger,
      emit,
      stopSignal: never.signal,
      workSignal: work.signal,
      forceSignal: never.signal,
    };
    const leftMs = Math.max(0, context.getRemainingTimeInMillis() - deadlineMarginMs);
    const cancel = after(clock, leftMs, () =>
      work.abort(new HandlerTimeoutError(`the invocation ends in ${deadlineMarginMs} ms`)),
    );
    try {
      const done = await Promise.all(
        batch.Records.map(
          async (record) => await handleRecord(toMessage(record), runtime, deadlineMarginMs / 2),
        ),
      );
      const failed = batch.Records.filter((_record, index) => done[index] !== true);
      return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    } finally {
      cancel();
    }
  };
}

/** Refuses an event that would not fit, however long it waited. */
function boundedBudget(budget: Budget, maxEventBytes: number): Budget {
  return {
    ...budget,
    arrive() {
      const place = budget.arrive();
      return {
        ...place,
        async enter(bytes, signal) {
          if (bytes > maxEventBytes) {
            throw new SizeLimitError(
              `the attachments of the event take ${bytes} bytes, the limit is ${maxEventBytes} bytes`,
              { details: { bytes, limit: maxEventBytes } },
            );
          }
          await place.enter(bytes, signal);
        },
      };
    },
    get room() {
      return budget.room;
    },
    get inHand() {
      return budget.inHand;
    },
    get running() {
      return budget.running;
    },
    get bytes() {
      return budget.bytes;
    },
  };
}

/**
 * What the queue's URL is in AWS; telemetry takes its last segment.
 * @throws {TypeError} for a batch of something else
 */
function queueUrlOf(arn: unknown): string {
  const [, , service, region, account, name] = typeof arn === 'string' ? arn.split(':') : [];
  if (service !== 'sqs' || name === undefined) {
    throw new TypeError(`Records[0].eventSourceARN: got ${show(arn)}, expected the ARN of an SQS queue`);
  }
  return `https://sqs.${region}.amazonaws.com/${account}/${name}`;
}
