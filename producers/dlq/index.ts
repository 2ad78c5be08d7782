export type { DeadLetterKind, FoundDeadLetter } from './dead-letter.ts';
export {
  createDeadLetterQueue,
  type DeadLetterList,
  type DeadLetterQueue,
  type DeadLetterWalker,
  type PurgeOptions,
  type PurgeReport,
} from './dead-letter-queue.ts';
export {
  dlqDefaults,
  type DeadLetterFilter,
  type DeadLetterQueueOptions,
  type DeadLetterWalk,
} from './options.ts';
export type { RedriveOptions, RedriveProgress, RedriveReport } from './redrive.ts';
