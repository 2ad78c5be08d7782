export {
  consumersOfBus,
  replayArchive,
  type ArchiveReplayOptions,
  type ArchiveReplayProgress,
  type ArchiveReplayReport,
} from './archive.ts';
export { readReplayPlan, REPLAY_PREFIX, type ReplayPlan } from './checkpoint.ts';
export { replayDefaults, type ReplayOptions, type ReplayProgress } from './options.ts';
export { replay } from './replay.ts';
export { eventsFromDeadLetters, eventsFromFile, eventsFromLedger } from './sources.ts';
export type {
  PayloadFinding,
  PayloadProblem,
  ReplayCounts,
  ReplayEntry,
  ReplayFailure,
  ReplayReport,
  ReplaySource,
  SkipReason,
} from './types.ts';
