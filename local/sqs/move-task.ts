import { randomUUID } from 'node:crypto';

import type { Clock } from '../../shared/clock.ts';
import type { QueuedMessage } from './message.ts';
import type { MessageQueue } from './queue.ts';
import type { QueueStore } from './queue-store.ts';

/** Messages moved a second if nothing is said, and at most. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
export const MAX_MOVES_PER_SECOND = 500;

/** Longest pause between two steps, in milliseconds. */
const STEP_MS = 100;

/** How a task stands. */
export type MoveTaskStatus = 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED';

/** A redrive: moves what is in a dead-letter queue to its source queues, or to one destination. */
export interface MoveTask {
  readonly handle: string;
  readonly sourceArn: string;
  readonly destinationArn: string | undefined;
  /** As asked. */
  readonly maxPerSecond: number | undefined;
  readonly startedAtMs: number;
  readonly toMove: number;
  moved: number;
  status: MoveTaskStatus;
  failureReason?: string;
}

/** Makes a task that has not moved anything yet. */
export function newMoveTask(
  asked: Pick<MoveTask, 'sourceArn' | 'destinationArn' | 'maxPerSecond'>,
  toMove: number,
  startedAtMs: number,
): MoveTask {
  const handle = Buffer.from(JSON.stringify({ taskId: randomUUID(), sourceArn: asked.sourceArn }));
  return { ...asked, handle: handle.toString('base64'), toMove, startedAtMs, moved: 0, status: 'RUNNING' };
}

/** What running a task needs. */
export interface MoveContext {
  readonly store: QueueStore;
  /** Paces the task. */
  readonly clock: Clock;
  /** Called when messages have come to a queue. */
  readonly onMoved: (queue: string, count: number) => void;
  /** Aborts when the stack closes. */
  readonly signal: AbortSignal;
}

/**
 * Moves as many messages as were ready when the task began, no faster than asked; ends early when the queue is
 * empty, when the task is cancelled, or at a message that cannot be moved, which stays where it is.
 */
export async function runMoveTask(task: MoveTask, context: MoveContext): Promise<void> {
  const { store, clock, signal } = context;
  const perSecond = task.maxPerSecond ?? MAX_MOVES_PER_SECOND;
  const perStep = Math.max(1, Math.floor((perSecond * STEP_MS) / 1_000));
  const pauseMs = (perStep * 1_000) / perSecond;
  const source = store.getQueueByArn(task.sourceArn);
  while (task.status === 'RUNNING') {
    let left = perStep;
    while (left > 0 && task.moved < task.toMove && moveOne(task, source, context)) left -= 1;
    await store.commit();
    if (task.status !== 'RUNNING') return;
    if (left > 0 || task.moved >= task.toMove) {
      task.status = 'COMPLETED';
      return;
    }
    await clock.sleep(pauseMs, signal);
  }
  if (task.status === 'CANCELLING') task.status = 'CANCELLED';
}

/** @returns whether a message was moved; if not, the task has failed or the queue is empty. */
function moveOne(task: MoveTask, source: MessageQueue | undefined, context: MoveContext): boolean {
  const message = source?.takeReady();
  if (source === undefined || message === undefined) return false;
  const arn = task.destinationArn ?? message.deadLetterSourceArn;
  const destination = arn === undefined ? undefined : context.store.getQueueByArn(arn);
  if (destination === undefined) {
    source.giveBack(message);
    task.status = 'FAILED';
    // @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/troubleshooting-dlq-redrive.html
    task.failureReason =
      arn === undefined ? 'CouldNotDetermineMessageSource' : 'AWS.SimpleQueueService.NonExistentQueue';
    return false;
  }
  source.moveTaken(message, destination, redriven(message, destination));
  task.moved += 1;
  context.onMoved(destination.name, 1);
  return true;
}

/** A redriven message is a new one, with its own id and time. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html */
function redriven(message: QueuedMessage, destination: MessageQueue): QueuedMessage {
  const { deadLetterSourceArn: _from, approximateFirstReceiveTimestamp: _first, ...kept } = message;
  return {
    ...kept,
    messageId: randomUUID(),
    sentTimestamp: Date.now(),
    approximateReceiveCount: 0,
    delayUntil: undefined,
    sequenceNumber: destination.isFifo() ? destination.nextSequenceNumber() : undefined,
  };
}
