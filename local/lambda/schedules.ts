import { randomUUID } from 'node:crypto';

import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import { show } from '../../shared/options.ts';
import { ruleArn } from '../eventbridge/rule-actions.ts';
import { parseSchedule, type Schedule } from '../schedule-expression.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import { lambdaFunction, type FunctionOptions, type LambdaFunction } from './invoke.ts';
import type { LambdaHandler, LambdaHook, ScheduledEvent } from './types.ts';

/** A scheduled rule, as far as it matters here. */
export interface ScheduledRule {
  readonly scheduleExpression?: string;
  readonly state: 'ENABLED' | 'DISABLED';
}

/** What schedules need. */
export interface SchedulesContext {
  readonly region: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A rule of the default bus. */
  readonly rule: (name: string) => ScheduledRule | undefined;
}

/** Functions that run by the clock. */
export interface Schedules {
  /** @throws {TypeError|RangeError} naming the argument that is malformed. */
  add(expressionOrRule: string, handler: LambdaHandler<ScheduledEvent>, options: FunctionOptions): LambdaHook;
  /**
   * Lets `ms` milliseconds pass for the schedules, and runs what falls due, one after the other.
   * @returns how many functions ran.
   * @throws {AggregateError} of what functions threw, after all have run.
   */
  tick(ms?: number): Promise<number>;
  close(): Promise<void>;
}

interface Entry {
  readonly schedule: Schedule;
  readonly fn: LambdaFunction<ScheduledEvent, unknown>;
  readonly arn: string;
  readonly isEnabled: () => boolean;
  dueMs: number | undefined;
}

/**
 * Makes the schedules of a stack. They follow the stack's clock by themselves; `tick` puts them ahead of it, unless
 * the clock is one that is moved by hand: then it moves the clock.
 */
export function createSchedules({ region, clock, logger, rule }: SchedulesContext): Schedules {
  const entries = new Set<Entry>();
  let aheadMs = 0;
  let loop: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;
  let lastRun: Promise<unknown> = Promise.resolve();
  const nowMs = (): number => clock.nowMs() + aheadMs;

  const nextDue = (): Entry | undefined => {
    const due = [...entries].filter(({ dueMs }) => dueMs !== undefined);
    return due.sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0))[0];
  };

  const runOne = async (entry: Entry, dueMs: number, errors: unknown[]): Promise<boolean> => {
    entry.dueMs = entry.schedule.next(dueMs);
    if (!entry.isEnabled()) return false;
    try {
      await entry.fn.invoke(toEvent(entry.arn, dueMs, region));
    } catch (error) {
      errors.push(error);
    }
    return true;
  };

  const runAll = async (after: Promise<unknown>): Promise<number> => {
    await after;
    const errors: unknown[] = [];
    let count = 0;
    for (let due = nextDue(); due?.dueMs !== undefined && due.dueMs <= nowMs(); due = nextDue())
      if (await runOne(due, due.dueMs, errors)) count += 1;
    if (errors.length > 0) throw new AggregateError(errors, `${errors.length} scheduled functions failed`);
    return count;
  };

  /** Runs what is due until now, in order. Calls queue up, so that nothing runs twice. */
  const runDue = async (): Promise<number> => {
    const work = runAll(lastRun);
    lastRun = work.catch(() => {}); // its own caller has the error
    return await work;
  };

  const follow = async (signal: AbortSignal): Promise<void> => {
    for (let next = nextDue(); next?.dueMs !== undefined && !signal.aborted; next = nextDue()) {
      try {
        await clock.sleep(Math.max(0, Math.min(next.dueMs - nowMs(), 2 ** 31 - 1)), signal);
        await runDue();
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'a scheduled function failed');
      }
    }
  };

  const stopFollowing = async (): Promise<void> => {
    loop?.stop.abort(new Error('the schedules have changed'));
    await loop?.done;
    loop = undefined;
  };
  /** Looks anew at what is due next. */
  const refollow = (): void => {
    loop?.stop.abort(new Error('the schedules have changed'));
    const stop = new AbortController();
    loop = { stop, done: follow(stop.signal) };
  };

  return {
    add: (expressionOrRule, handler, options) => {
      const found = resolve(expressionOrRule, rule, nowMs());
      const name = found.name ?? `schedule-${randomUUID()}`;
      const entry: Entry = {
        schedule: found.schedule,
        fn: lambdaFunction(handler, { functionName: name, ...options }, { region, clock }),
        arn: ruleArn(region, 'default', name),
        isEnabled: () => found.name === undefined || rule(found.name)?.state === 'ENABLED',
        dueMs: found.schedule.next(nowMs()),
      };
      entries.add(entry);
      refollow();
      const stop = async (): Promise<void> => {
        entries.delete(entry);
        refollow();
        await lastRun;
      };
      return { stop, [Symbol.asyncDispose]: stop };
    },
    tick: async (ms = 0) => {
      if (!(ms >= 0)) throw new RangeError(`ms: got ${ms}, expected a number from 0`);
      await lastRun;
      if ('advance' in clock && typeof clock.advance === 'function') clock.advance(ms);
      else aheadMs += ms;
      return await runDue();
    },
    close: async () => {
      entries.clear();
      await stopFollowing();
      await lastRun;
    },
  };
}

function resolve(
  expressionOrRule: string,
  rule: SchedulesContext['rule'],
  nowMs: number,
): { readonly schedule: Schedule; readonly name?: string } {
  const direct = parseSchedule(expressionOrRule, nowMs);
  if (direct !== undefined) return { schedule: direct };
  const expression = rule(expressionOrRule)?.scheduleExpression;
  const schedule = expression === undefined ? undefined : parseSchedule(expression, nowMs);
  if (schedule !== undefined) return { schedule, name: expressionOrRule };
  throw new TypeError(
    `expressionOrRule: got ${show(expressionOrRule)}, expected rate(…), cron(…) or the name of a scheduled rule`,
  );
}

function toEvent(arn: string, dueMs: number, region: string): ScheduledEvent {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: LOCAL_ACCOUNT_ID,
    time: new Date(dueMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    region,
    resources: [arn],
    detail: {},
  };
}
