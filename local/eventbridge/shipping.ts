import type { Clock, Random } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import type { FaultSwitch } from '../faults.ts';
import type { Statement } from '../policy.ts';
import type { Envelope } from './envelope.ts';
import type { CompiledTarget, Rule } from './state.ts';

/** What delivery needs of SQS. */
export interface QueueSender {
  call(action: string, input: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  queueUrl(name: string): string;
  /** A queue's policy; undefined if it has none. */
  readonly policyOf: (queueArn: string) => readonly Statement[] | undefined;
}

/** What delivery needs. */
export interface ShippingContext {
  readonly queues: QueueSender;
  readonly region: string;
  readonly clock: Clock;
  /** Spreads retries. */
  readonly random: Random;
  readonly logger: Logger;
  readonly faults: FaultSwitch;
  /** Work in the background; each ends soon after `closing` aborts. */
  readonly background: Set<Promise<void>>;
  readonly closing: AbortSignal;
}

/** One event for one target. */
export interface Parcel {
  readonly rule: Rule;
  readonly bus: string;
  readonly target: CompiledTarget;
  readonly event: Envelope;
  /** When the bus got the event, epoch milliseconds. */
  readonly ingestedAtMs: number;
  /** What the target gets. */
  readonly body: string;
}

/** Why a parcel did not arrive. */
export interface Failure {
  /** EventBridge's own word, as dead-letter queues get it. */
  readonly code: string;
  readonly message: string;
  readonly retriable: boolean;
}
