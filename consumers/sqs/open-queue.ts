import type { ResolvedWorkerOptions } from '../worker/options.ts';
import { createQueue, type Queue } from '../worker/queue.ts';
import { createLeanQueue } from './lean-queue.ts';

/** A queue, and the end of all that was opened for it. */
export type OpenQueue = Queue & AsyncDisposable;

/** Opens a worker's queue: lean where the client is ours, by the caller's client where one was given. */
export function openQueue(
  options: Pick<ResolvedWorkerOptions, 'sqs' | 'ownsSqs' | 'queueUrl' | 'clock' | 'random'>,
): OpenQueue {
  const { sqs, ownsSqs, queueUrl } = options;
  if (!ownsSqs) return { ...createQueue(sqs, queueUrl), [Symbol.asyncDispose]: async () => {} };
  const lean = createLeanQueue(sqs, queueUrl, options);
  return {
    ...lean,
    async [Symbol.asyncDispose]() {
      await lean.close();
      sqs.destroy();
    },
  };
}
