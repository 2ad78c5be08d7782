import { deleteVersion } from '../payload-versions.ts';
import { changeVersions, type RevocationReport } from './change-versions.ts';
import { findVersions } from './find-versions.ts';
import { openRevocation, type RevocationOptions } from './options.ts';

export interface EraseOptions extends RevocationOptions {
  /** Only say what would be erased. @default false */
  readonly dryRun?: boolean;
}

/**
 * Deletes payloads for good: every version, and the delete markers that hide them. Nothing brings them back; consumers
 * that come later are told that the payload is gone. Events, and what their `data` says, stay in ledger and queues.
 *
 * Takes `s3:ListBucketVersions` and `s3:DeleteObjectVersion` on the payload bucket; reading `ledger/` and creating in
 * `audit/` in the control bucket.
 *
 * @throws {TypeError} naming the option that is wrong
 * @throws {RevocationError} if there is no such payload, or not all of its versions could be deleted; may be repeated
 * @throws {RecordsError} when the audit record cannot be written; nothing is done then
 */
export async function erase(options: EraseOptions): Promise<RevocationReport> {
  using tools = openRevocation(options);
  const versions = await findVersions(tools);
  if (options.dryRun === true && versions.length > 0)
    return { action: 'erase', auditKey: undefined, versions, changed: [] };
  return await changeVersions('erase', versions, tools, async (version) => {
    const { client, store } = tools.storeOf(version.store);
    await deleteVersion(client, store.bucket, version, tools.signal);
    return true;
  });
}
