import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { numberInRange } from '../shared/options.ts';
import type { WaybillFunction } from './function.ts';

export interface EventSourceProps {
  readonly function: WaybillFunction;
  readonly queue: sqs.IQueue;
  /** 1 to 10. */
  readonly batchSize: number;
  /** 2 to 1,000. */
  readonly maxConcurrency: number;
}

/** How many times the function's timeout a message must stay hidden. @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html */
export const VISIBILITY_FACTOR = 6;

/**
 * Puts a function behind a queue, with partial batch responses and a bound on how many run at once. The function's role
 * must be allowed to receive. By the resource itself: CDK's event source would widen the role by rights of its own.
 * @throws {RangeError} naming the prop
 */
export function eventSource(scope: Construct, props: EventSourceProps): lambda.CfnEventSourceMapping {
  const { function: called, queue, batchSize, maxConcurrency } = props;
  const mapping = new lambda.CfnEventSourceMapping(scope, 'Mapping', {
    functionName: called.function.functionName,
    eventSourceArn: queue.queueArn,
    batchSize: numberInRange('batchSize', batchSize, { min: 1, max: 10 }),
    functionResponseTypes: ['ReportBatchItemFailures'],
    scalingConfig: {
      maximumConcurrency: numberInRange('maxConcurrency', maxConcurrency, { min: 2, max: 1000 }),
    },
  });
  mapping.node.addDependency(called.role);
  return mapping;
}
