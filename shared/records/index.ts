export {
  recordsDefaults,
  resolveRecordsOptions,
  type RecordsOptions,
  type ResolvedRecordsOptions,
} from './options.ts';
export { createRecords } from './records.ts';
export type {
  CreateOutcome,
  ListOptions,
  RecordCall,
  RecordInfo,
  Records,
  RemoveOutcome,
  ReplaceOutcome,
  StoredRecord,
} from './types.ts';
