export type { AuditedAction } from './audit.ts';
export type { RevocationReport } from './change-versions.ts';
export { erase, type EraseOptions } from './erase.ts';
export type { FoundVersion } from './find-versions.ts';
export { isEventId, type RevocationOptions, type RevocationTarget } from './options.ts';
export { revoke, type RevokeOptions } from './revoke.ts';
