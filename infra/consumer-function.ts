import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { numberInRange } from '../shared/options.ts';
import { consumerEnvironment, grantConsumer, type ConsumerAccess } from './consumer-role.ts';
import { eventSource, VISIBILITY_FACTOR } from './event-source.ts';
import { WaybillFunction } from './function.ts';

export interface ConsumerFunctionProps extends ConsumerAccess {
  /** File that exports `handler`, made by `createSqsHandler()`; bundled by esbuild. */
  readonly entry: string;
  /** Longest that an invocation may take, in seconds, 1 to 900. @default 60 */
  readonly timeoutSeconds?: number;
  /** Messages of one invocation, 1 to 10; they share its time. @default 1 */
  readonly batchSize?: number;
  /** Most invocations at once, 2 to 1,000: what the systems behind the handler can bear. @default 10 */
  readonly maxConcurrency?: number;
  /** In MiB; processor and network grow with it. @default 1024 */
  readonly memoryMiB?: number;
  /** Room for attachments in `/tmp`, in MiB, 512 to 10,240. @default 512 */
  readonly ephemeralStorageMiB?: number;
  /** Variables beside those of `consumerEnvironment()`. @default - none */
  readonly environment?: Readonly<Record<string, string>>;
  /** Days that logs are kept. @default 90 */
  readonly logDays?: number;
}

/**
 * A consumer as a function behind its queue: partial batch responses, bounded concurrency, a role with a consumer's
 * rights. A function has no heartbeat, so its queue hides a message for six times the function's timeout.
 *
 * Cost: $0.20 per million invocations and $0.0000133 per GiB and second on ARM; the mapping polls for about $1 a month.
 *
 * @throws {RangeError} naming the prop, or the consumer's `visibilityTimeoutSeconds` if it is too short
 * @example
 * new ConsumerFunction(stack, 'Archive', { ...exchange.forConsumer('archive'), entry: 'src/archive.ts' });
 */
export class ConsumerFunction extends Construct {
  readonly function: WaybillFunction;
  readonly mapping: lambda.CfnEventSourceMapping;

  constructor(scope: Construct, id: string, props: ConsumerFunctionProps) {
    super(scope, id);
    const { queue, memoryMiB = 1024 } = props;
    const timeoutSeconds = numberInRange('timeoutSeconds', props.timeoutSeconds ?? 60, {
      min: 1,
      max: 900,
      unit: 's',
    });
    const ephemeralStorageMiB = numberInRange('ephemeralStorageMiB', props.ephemeralStorageMiB ?? 512, {
      min: 512,
      max: 10_240,
      unit: 'MiB',
    });
    checkVisibility(queue.consumer, queue.visibilityTimeoutSeconds, timeoutSeconds);
    this.function = new WaybillFunction(this, 'Consumer', {
      description: `Waybill: consumes as ${queue.consumer}.`,
      entry: props.entry,
      timeoutSeconds,
      memoryMiB,
      ephemeralStorageMiB,
      environment: {
        ...props.environment,
        ...consumerEnvironment(props),
        WAYBILL_EPHEMERAL_STORAGE_BYTES: String(ephemeralStorageMiB * 1024 ** 2),
      },
      ...(props.logDays === undefined ? {} : { logDays: props.logDays }),
    });
    grantConsumer(this.function.role, props);
    this.mapping = eventSource(this, {
      function: this.function,
      queue: queue.queue,
      batchSize: props.batchSize ?? 1,
      maxConcurrency: props.maxConcurrency ?? 10,
    });
  }
}

function checkVisibility(consumer: string, visibilitySeconds: number, timeoutSeconds: number): void {
  const least = VISIBILITY_FACTOR * timeoutSeconds;
  if (visibilitySeconds >= least) return;
  throw new RangeError(
    `consumer ${consumer}: visibilityTimeoutSeconds: got ${visibilitySeconds}, expected at least ${least}: ${VISIBILITY_FACTOR} times the function's timeout of ${timeoutSeconds} s`,
  );
}
