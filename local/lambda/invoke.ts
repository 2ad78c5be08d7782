import { randomUUID } from 'node:crypto';

import type { Clock } from '../../shared/clock.ts';
import { nonEmptyString, numberInRange } from '../../shared/options.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import type { LambdaContext, LambdaHandler } from './types.ts';

/** How a function is run. */
export interface FunctionOptions {
  /** For the context. @default 'local' */
  readonly functionName?: string;
  /** Longest run of one invocation, 1 to 900. @default 30 */
  readonly timeoutSeconds?: number;
}

/** A function with its settings decided. */
export interface LambdaFunction<E, R> {
  /** @throws what the function throws; {Error} when it takes longer than its timeout: it goes on, but nobody listens */
  invoke(event: E): Promise<R>;
}

/** The ARN of a function of the local account. */
export function functionArn(region: string, functionName: string): string {
  return `arn:aws:lambda:${region}:${LOCAL_ACCOUNT_ID}:function:${functionName}`;
}

/**
 * Makes a function of a handler.
 * @throws {TypeError|RangeError} naming the option that is malformed.
 */
export function lambdaFunction<E, R>(
  handler: LambdaHandler<E, R>,
  options: FunctionOptions,
  { region, clock }: { readonly region: string; readonly clock: Clock },
): LambdaFunction<E, R> {
  if (typeof handler !== 'function') throw new TypeError('handler: expected a function');
  const functionName = nonEmptyString('functionName', options.functionName ?? 'local');
  const timeoutSeconds = numberInRange('timeoutSeconds', options.timeoutSeconds ?? 30, {
    min: 1,
    max: 900,
    unit: 's',
  });
  const contextUntil = (deadlineMs: number, awsRequestId: string): LambdaContext => ({
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn(region, functionName),
    memoryLimitInMB: '128',
    awsRequestId,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: `${new Date(clock.nowMs()).toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]local`,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, Math.floor(deadlineMs - clock.monotonicMs())),
  });
  return {
    invoke: async (event) => {
      const awsRequestId = randomUUID();
      const context = contextUntil(clock.monotonicMs() + timeoutSeconds * 1_000, awsRequestId);
      const ended = new AbortController();
      const timeout = async (): Promise<never> => {
        await clock.sleep(timeoutSeconds * 1_000, ended.signal);
        throw new Error(`${awsRequestId} Task timed out after ${timeoutSeconds.toFixed(2)} seconds`);
      };
      const run = async (): Promise<R> => await handler(event, context);
      try {
        return await Promise.race([run(), timeout()]);
      } finally {
        ended.abort();
      }
    },
  };
}
