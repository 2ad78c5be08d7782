import {
  CancelMessageMoveTaskCommand,
  ListMessageMoveTasksCommand,
  StartMessageMoveTaskCommand,
  type ListMessageMoveTasksResultEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Clock } from '../../shared/clock.ts';
import { RedriveError } from '../../shared/errors.ts';

/** Pause between two looks at a task, in milliseconds. */
const LOOK_MS = 500;

export interface MoveTaskOptions {
  readonly sourceArn: string;
  readonly destinationArn: string;
  /** 1 to 500. @default - as fast as SQS likes */
  readonly perSecond: number | undefined;
  readonly onProgress: (progress: { readonly moved: number; readonly toMove: number }) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Lets SQS move a whole dead-letter queue, and waits for the end. The destination is always named: for messages that
 * were sent to the queue, SQS does not know one. An abort cancels the task.
 * @throws {RedriveError} when the task fails or is cancelled
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
 */
export async function runMoveTask(
  sqs: SQSClient,
  clock: Pick<Clock, 'sleep'>,
  options: MoveTaskOptions,
): Promise<number> {
  const { sourceArn, destinationArn, perSecond, onProgress, signal } = options;
  const { TaskHandle } = await sqs.send(
    new StartMessageMoveTaskCommand({
      SourceArn: sourceArn,
      DestinationArn: destinationArn,
      ...(perSecond === undefined ? {} : { MaxNumberOfMessagesPerSecond: perSecond }),
    }),
  );
  try {
    for (;;) {
      const { Results = [] } = await sqs.send(
        new ListMessageMoveTasksCommand({ SourceArn: sourceArn, MaxResults: 1 }),
      );
      const [task] = Results;
      const moved = task?.ApproximateNumberOfMessagesMoved ?? 0;
      onProgress({ moved, toMove: task?.ApproximateNumberOfMessagesToMove ?? moved });
      if (task?.Status === 'COMPLETED') return moved;
      if (task?.Status === 'FAILED' || task?.Status === 'CANCELLED') throw ended(task, sourceArn);
      await clock.sleep(LOOK_MS, signal);
    }
  } catch (error) {
    if (signal?.aborted === true && TaskHandle !== undefined) {
      await sqs.send(new CancelMessageMoveTaskCommand({ TaskHandle })).catch(() => undefined); // may have ended
    }
    throw error;
  }
}

function ended(task: ListMessageMoveTasksResultEntry, sourceArn: string): RedriveError {
  const moved = task.ApproximateNumberOfMessagesMoved ?? 0;
  return new RedriveError(
    `the redrive of ${sourceArn} ended as ${task.Status} after ${moved} messages: ${task.FailureReason ?? 'no reason given'}`,
    { details: { sourceArn, moved, reason: task.FailureReason } },
  );
}
