import { feedFromQueue, type QueueHookOptions, type QueueSourceContext } from './queue-source.ts';
import {
  serveFunctionUrl,
  type FunctionUrl,
  type FunctionUrlContext,
  type FunctionUrlOptions,
} from './function-url.ts';
import type { FunctionOptions } from './invoke.ts';
import { createSchedules, type SchedulesContext } from './schedules.ts';
import type { FunctionUrlEvent, LambdaHandler, LambdaHook, ScheduledEvent, SqsEvent } from './types.ts';

/** Runs functions of the shape that Lambda runs, in this process, on what happens in the stack. */
export interface LambdaHooks {
  /**
   * Feeds a function with the messages of a queue, as an SQS event source does.
   * @throws {TypeError|RangeError} naming the argument that is malformed.
   */
  onQueue(queueName: string, handler: LambdaHandler<SqsEvent>, options?: QueueHookOptions): LambdaHook;
  /**
   * Serves a function over loopback HTTP, as a function URL does.
   * @throws {TypeError|RangeError} naming the argument that is malformed; the listening error.
   */
  functionUrl(handler: LambdaHandler<FunctionUrlEvent>, options: FunctionUrlOptions): Promise<FunctionUrl>;
  /**
   * Runs a function by a `rate(…)` or `cron(…)` expression, or by a scheduled rule of the default bus.
   * @throws {TypeError|RangeError} naming the argument that is malformed.
   */
  schedule(
    expressionOrRule: string,
    handler: LambdaHandler<ScheduledEvent>,
    options?: FunctionOptions,
  ): LambdaHook;
  /**
   * Lets `ms` milliseconds pass for the schedules (a manual clock is moved by it) and runs what falls due.
   * @param ms @default 0
   * @returns how many scheduled functions ran.
   * @throws {AggregateError} of what they threw, after all have run.
   */
  tick(ms?: number): Promise<number>;
}

/** Makes the hooks of a stack; `close` stops them all. */
export function createHooks(
  context: QueueSourceContext & FunctionUrlContext & SchedulesContext,
): LambdaHooks & { close(): Promise<void> } {
  const schedules = createSchedules(context);
  const active = new Set<LambdaHook>();
  const kept = <H extends LambdaHook>(hook: H): H => {
    active.add(hook);
    const stop = async (): Promise<void> => {
      active.delete(hook);
      await hook.stop();
    };
    return { ...hook, stop, [Symbol.asyncDispose]: stop };
  };
  return {
    onQueue: (queueName, handler, options = {}) => kept(feedFromQueue(queueName, handler, options, context)),
    functionUrl: async (handler, options) => kept(await serveFunctionUrl(handler, options, context)),
    schedule: (expressionOrRule, handler, options = {}) =>
      kept(schedules.add(expressionOrRule, handler, options)),
    tick: (ms) => schedules.tick(ms),
    close: async () => {
      await Promise.all([...active].map((hook) => hook.stop()));
      await schedules.close();
    },
  };
}
