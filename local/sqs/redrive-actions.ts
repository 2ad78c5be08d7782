import type { Clock } from '../../shared/clock.ts';
import { AwsError } from '../aws-error.ts';
import { integerField, textField, type Fields } from './fields.ts';
import {
  MAX_MOVES_PER_SECOND,
  newMoveTask,
  runMoveTask,
  type MoveContext,
  type MoveTask,
} from './move-task.ts';
import { redrivePolicyOf } from './queue-attributes.ts';
import type { MessageQueue } from './queue.ts';
import type { QueueStore } from './queue-store.ts';

/** Tasks that are remembered for a queue. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html */
const MAX_LISTED = 10;

/** What the actions need. */
export interface RedriveOptions {
  readonly store: QueueStore;
  readonly clock: Clock;
  readonly onMoved: MoveContext['onMoved'];
  readonly onError: (error: unknown) => void;
}

/** The redrive of dead-letter queues, which fauxqs does not do. Tasks live in memory: one under way ends with the stack. */
export interface RedriveActions {
  /** By action name; each checks its input and answers. @throws {AwsError} */
  readonly actions: Readonly<Record<string, (input: Fields) => Record<string, unknown>>>;
  /** Ends the tasks under way. */
  close(): Promise<void>;
}

/** Makes the redrive actions of a store. */
export function createRedriveActions({ store, clock, onMoved, onError }: RedriveOptions): RedriveActions {
  const tasks: MoveTask[] = []; // the newest first
  const running = new Set<Promise<void>>();
  const closing = new AbortController();
  const context: MoveContext = { store, clock, onMoved, signal: closing.signal };

  const run = async (task: MoveTask): Promise<void> => {
    try {
      await runMoveTask(task, context);
    } catch (error) {
      task.status = closing.signal.aborted ? 'CANCELLED' : 'FAILED';
      if (!closing.signal.aborted) onError(error);
    }
  };

  const existing = (input: Fields, field: string): MessageQueue | undefined => {
    const arn = input[field];
    if (arn === undefined || arn === null) return undefined;
    if (typeof arn !== 'string' || !arn.startsWith('arn:aws:sqs:'))
      throw new AwsError(
        'InvalidAddress',
        `You must use this format to specify the ${field}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>`,
      );
    const queue = store.getQueueByArn(arn);
    if (queue !== undefined) return queue;
    throw new AwsError(
      'ResourceNotFoundException',
      `The resource that you specified for the ${field} parameter doesn't exist.`,
      404,
    );
  };

  const required = (input: Fields, field: string): MessageQueue => {
    const queue = existing(input, field);
    if (queue !== undefined) return queue;
    throw new AwsError('MissingParameter', `The request must contain the parameter ${field}.`);
  };

  const actions: RedriveActions['actions'] = {
    StartMessageMoveTask: (input) => {
      const source = required(input, 'SourceArn');
      if (sourcesOf(store, source.arn).length === 0)
        throw invalid('Source queue must be configured as a Dead Letter Queue.');
      const destination = existing(input, 'DestinationArn');
      if (destination === source)
        throw invalid('Source queue arn and destination queue arn cannot be the same.');
      if (destination !== undefined && destination.isFifo() !== source.isFifo())
        throw invalid('The source queue and destination queue must be of the same queue type.');
      const maxPerSecond = integerField(input, 'MaxNumberOfMessagesPerSecond', 1, MAX_MOVES_PER_SECOND);
      if (tasks.some((task) => task.sourceArn === source.arn && isActive(task)))
        throw invalid(
          'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
        );
      const asked = { sourceArn: source.arn, destinationArn: destination?.arn, maxPerSecond };
      const task = newMoveTask(asked, source.readyCount, clock.nowMs());
      tasks.unshift(task);
      forgetOld(tasks, source.arn);
      const done = run(task).finally(() => running.delete(done));
      running.add(done);
      return { TaskHandle: task.handle };
    },

    ListMessageMoveTasks: (input) => {
      const source = required(input, 'SourceArn');
      const limit = integerField(input, 'MaxResults', 1, MAX_LISTED) ?? 1;
      const found = tasks.filter(({ sourceArn }) => sourceArn === source.arn);
      return { Results: found.slice(0, limit).map((task) => describe(task)) };
    },

    CancelMessageMoveTask: (input) => {
      const handle = textField(input, 'TaskHandle');
      const task = tasks.find((candidate) => candidate.handle === handle);
      if (task === undefined) throw new AwsError('ResourceNotFoundException', 'Task does not exist.', 404);
      if (task.status !== 'RUNNING') throw invalid('Only active tasks can be cancelled.');
      task.status = 'CANCELLING';
      return { ApproximateNumberOfMessagesMoved: task.moved };
    },

    ListDeadLetterSourceQueues: (input) => {
      const queue = store.getQueue(textField(input, 'QueueUrl'));
      if (queue === undefined) throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
      const limit = integerField(input, 'MaxResults', 1, 1_000) ?? 1_000;
      const from = Number(input['NextToken'] ?? 0);
      if (!Number.isInteger(from) || from < 0) throw invalid('Invalid or expired next token.');
      const urls = sourcesOf(store, queue.arn).map(({ url }) => url);
      const to = from + limit;
      // The one list of SQS's JSON protocol whose name begins with a small letter
      return { queueUrls: urls.slice(from, to), ...(to < urls.length ? { NextToken: String(to) } : {}) };
    },
  };

  return {
    actions,
    close: async () => {
      closing.abort(new Error('the local stack closes'));
      await Promise.all(running);
    },
  };
}

/** The queues whose redrive policy names this one. */
function sourcesOf(store: QueueStore, arn: string): readonly MessageQueue[] {
  return store
    .listQueues()
    .filter(({ attributes }) => redrivePolicyOf(attributes).deadLetterTargetArn === arn);
}

function isActive({ status }: MoveTask): boolean {
  return status === 'RUNNING' || status === 'CANCELLING';
}

function forgetOld(tasks: MoveTask[], sourceArn: string): void {
  const old = tasks.filter((task) => task.sourceArn === sourceArn).slice(MAX_LISTED);
  for (const task of old) tasks.splice(tasks.indexOf(task), 1);
}

function describe(task: MoveTask): Record<string, unknown> {
  return {
    ...(task.status === 'RUNNING' ? { TaskHandle: task.handle } : {}),
    Status: task.status,
    SourceArn: task.sourceArn,
    ...(task.destinationArn === undefined ? {} : { DestinationArn: task.destinationArn }),
    ...(task.maxPerSecond === undefined ? {} : { MaxNumberOfMessagesPerSecond: task.maxPerSecond }),
    ApproximateNumberOfMessagesMoved: task.moved,
    ApproximateNumberOfMessagesToMove: task.toMove,
    ...(task.failureReason === undefined ? {} : { FailureReason: task.failureReason }),
    StartedTimestamp: task.startedAtMs,
  };
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterValue', message);
}
