import { afterEach, describe, expect, it } from 'vitest';
import {
  createWorker,
  type HandlerContext,
  type Worker,
  type WorkerEvent,
} from '../../../consumers/index.ts';
import { systemClock, type Clock } from '../../../shared/clock.ts';
import { closeQueues, startQueue, type Entry, type EntryFailure } from './scripted-queue.ts';
import { events } from './worker-harness.ts';

afterEach(closeQueues);

const GONE: EntryFailure = {
  Code: 'InvalidParameterValue',
  Message:
    'Value r-1 for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.',
};

/** The machine's clock, but that heartbeats of 10 s beat all the time. */
const quick: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms === 5000 ? 1 : ms, signal),
};

/** A worker whose first receive brings two messages and whose others bring none. */
async function work(parts: {
  readonly onEntry: (entry: Entry) => ReturnType<NonNullable<Parameters<typeof startQueue>[0]['onEntry']>>;
  readonly handler: (context: HandlerContext) => Promise<void>;
  readonly onEvent?: (event: WorkerEvent, worker: Worker) => void;
}): Promise<Worker> {
  let receives = 0;
  const connection = await startQueue({
    onReceive: ({ answer }) => {
      receives += 1;
      if (receives === 1) answer(2); // the others wait until the worker gives them up
    },
    onEntry: parts.onEntry,
  });
  const worker = createWorker({
    ...connection,
    events,
    visibilityTimeoutSeconds: 10,
    clock: quick,
    handler: async (_event, context) => await parts.handler(context),
    onEvent: (event) => parts.onEvent?.(event, worker),
  });
  return worker;
}

/** Stops the worker when so many messages are settled. */
const stopAfter = (count: number) => {
  let settled = 0;
  return ({ kind }: WorkerEvent, worker: Worker): void => {
    if (kind !== 'succeeded' && kind !== 'lease-lost') return;
    settled += 1;
    if (settled === count) void worker.stop();
  };
};

describe('batched calls of a worker', () => {
  it('are made again for the one entry that SQS did not take', async () => {
    const deleted: string[] = [];
    const worker = await work({
      onEntry: ({ action, receiptHandle }) => {
        if (action !== 'DeleteMessageBatch') return undefined;
        deleted.push(receiptHandle);
        const isFirst = deleted.filter((each) => each === 'r-2').length === 1;
        return receiptHandle === 'r-2' && isFirst
          ? { Code: 'InternalError', Message: 'try later' }
          : undefined;
      },
      handler: async () => {},
      onEvent: stopAfter(2),
    });
    expect(await worker.done).toMatchObject({ received: 2, succeeded: 2, retried: 0, leasesLost: 0 });
    expect(deleted.sort()).toEqual(['r-1', 'r-2', 'r-2']);
  });

  it('abort the one message that does not exist any more, and leave it alone', async () => {
    const deleted: string[] = [];
    const reasons: unknown[] = [];
    let lost = (): void => {};
    const isLost = new Promise<void>((resolve) => (lost = resolve));
    const stop = stopAfter(2);
    const worker = await work({
      onEntry: ({ action, receiptHandle }) => {
        if (action === 'DeleteMessageBatch') deleted.push(receiptHandle);
        else if (receiptHandle === 'r-1') return GONE;
        return undefined;
      },
      handler: async ({ messageId, signal }) => {
        if (messageId === 'm-2') return await isLost;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        reasons.push((signal.reason as Error).name);
      },
      onEvent: (event, self) => {
        if (event.kind === 'lease-lost') lost();
        stop(event, self);
      },
    });
    expect(await worker.done).toMatchObject({ succeeded: 1, leasesLost: 1, retried: 0, released: 0 });
    expect(reasons).toEqual(['LeaseLostError']);
    expect(deleted).toEqual(['r-2']);
  });

  it('extend a message no more once its deletion has begun', async () => {
    let extensions = { 'r-1': 0, 'r-2': 0 };
    let heard = (): void => {};
    const until = async (fits: () => boolean): Promise<void> => {
      while (!fits()) await new Promise<void>((resolve) => (heard = resolve));
    };
    let late = -1;
    let isDeleted = (): void => {};
    const deletion = new Promise<void>((resolve) => (isDeleted = resolve));
    const worker = await work({
      onEntry: async ({ action, receiptHandle }) => {
        if (action === 'ChangeMessageVisibilityBatch') {
          extensions[receiptHandle as 'r-1' | 'r-2'] += 1;
          heard();
        } else if (receiptHandle === 'r-1') {
          extensions = { 'r-1': 0, 'r-2': 0 };
          await until(() => extensions['r-2'] >= 10);
          late = extensions['r-1'];
          isDeleted();
        }
        return undefined;
      },
      handler: async ({ messageId }) => {
        await (messageId === 'm-2' ? deletion : until(() => extensions['r-1'] > 0));
      },
      onEvent: stopAfter(2),
    });
    expect(await worker.done).toMatchObject({ succeeded: 2, leasesLost: 0 });
    expect(late).toBe(0);
  });
});
