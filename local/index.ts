/**
 * The local stack: S3, SQS and EventBridge on one loopback port, for development and tests, with faults, a spy
 * and clocks that tests move.
 */
export type { LocalIdentity } from './authenticate.ts';
export type { LifecycleReport } from './s3/lifecycle/run.ts';
export { createManualClock, offsetClock } from './clock.ts';
export type { ManualClock, OffsetClock } from './clock.ts';
export { LOCAL_ACCOUNT_ID } from './sqs-store.ts';
export { HEALTH_PATH } from './dispatch.ts';
export { compilePattern } from './eventbridge/pattern.ts';
export type { EventMatcher } from './eventbridge/pattern.ts';
export { armResponse, createFaultSwitch } from './faults.ts';
export type { Fault, FaultRule, FaultSwitch, FaultTarget } from './faults.ts';
export type {
  LocalArchive,
  LocalBucket,
  LocalBus,
  LocalOptions,
  LocalQueue,
  LocalRule,
} from './local-options.ts';
export type {
  DeleteRecord,
  EventRecord,
  MessageRecord,
  ReceiveRecord,
  S3Flow,
  S3Record,
  Spy,
  SpyPredicate,
  SpyRecord,
} from './spy.ts';
export type { FunctionUrl, FunctionUrlOptions } from './lambda/function-url.ts';
export type { LambdaHooks } from './lambda/hooks.ts';
export type { FunctionOptions } from './lambda/invoke.ts';
export type { QueueHookOptions } from './lambda/queue-source.ts';
export type {
  FunctionUrlEvent,
  FunctionUrlIdentity,
  LambdaContext,
  LambdaHandler,
  LambdaHook,
  ScheduledEvent,
  SqsBatchResponse,
  SqsEvent,
  SqsEventAttribute,
  SqsEventRecord,
} from './lambda/types.ts';
export { parseSeed } from './seed.ts';
export type { Seed } from './seed.ts';
export type { LocalClientOptions, LocalStack } from './stack.ts';
export { startLocal } from './start-local.ts';
export { readLocalTemplate, type LocalRole, type LocalTemplate } from './cloudformation/local-options.ts';
export { parseTemplate, type CloudFormation } from './cloudformation/template.ts';
