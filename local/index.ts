/**
 * The local stack: S3, SQS and EventBridge on one loopback port, for development and tests, with faults, a spy
 * and clocks that tests move.
 */
export type { LocalIdentity } from './authenticate.ts';
export { createManualClock, offsetClock } from './clock.ts';
export type { ManualClock, OffsetClock } from './clock.ts';
export { HEALTH_PATH } from './dispatch.ts';
export { compilePattern } from './eventbridge/pattern.ts';
export type { EventMatcher } from './eventbridge/pattern.ts';
export { armResponse, createFaultSwitch } from './faults.ts';
export type { Fault, FaultRule, FaultSwitch, FaultTarget } from './faults.ts';
export type { LocalBucket, LocalOptions, LocalQueue, LocalRule } from './local-options.ts';
export type {
  DeleteRecord,
  EventRecord,
  MessageRecord,
  ReceiveRecord,
  S3Record,
  Spy,
  SpyPredicate,
  SpyRecord,
} from './spy.ts';
export type { LocalClientOptions, LocalStack } from './stack.ts';
export { startLocal } from './start-local.ts';
