import { GetObjectTaggingCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { REVOKED_TAG } from '../../shared/revoked-tag.ts';
import { changeVersions, type RevocationReport } from './change-versions.ts';
import { findVersions, type FoundVersion } from './find-versions.ts';
import { openRevocation, type RevocationOptions, type RevocationTools } from './options.ts';

export interface RevokeOptions extends RevocationOptions {
  /** Takes a revocation back. @default false */
  readonly undo?: boolean;
}

/**
 * Kills every URL and claim check of a payload, those that are out and those to come: tags its versions, which the
 * bucket's policy then refuses to read, and for which the URL service answers 410. A download under way ends at its next
 * request. The bytes stay, and so `undo` brings everything back.
 *
 * Takes `s3:ListBucketVersions`, `s3:GetObjectVersionTagging` and `s3:PutObjectVersionTagging` on the payload bucket,
 * whose policy must name the role as a revoker; reading `ledger/` and creating in `audit/` in the control bucket.
 *
 * @throws {TypeError} naming the option that is wrong
 * @throws {RevocationError} if there is no such payload, or not all of its versions could be tagged; may be repeated
 * @throws {RecordsError} when the audit record cannot be written; nothing is done then
 */
export async function revoke(options: RevokeOptions): Promise<RevocationReport> {
  using tools = openRevocation(options);
  const found = await findVersions(tools);
  const versions = found.filter(({ isDeleteMarker }) => !isDeleteMarker);
  const { undo = false } = options;
  const value = new Date(tools.clock.nowMs()).toISOString();
  return await changeVersions(
    undo ? 'undo-revoke' : 'revoke',
    versions,
    tools,
    async (version) => await tag(version, undo ? undefined : value, tools),
  );
}

/** Sets the tag, or takes it away, and leaves all others as they are: S3 only replaces them all at once. */
async function tag(
  { store: name, key: Key, versionId: VersionId }: FoundVersion,
  value: string | undefined,
  { storeOf, signal }: RevocationTools,
): Promise<boolean> {
  const { client, store } = storeOf(name);
  const call = signal === undefined ? {} : { abortSignal: signal };
  const object = { Bucket: store.bucket, Key, VersionId };
  const { TagSet = [] } = await client.send(new GetObjectTaggingCommand(object), call);
  const isRevoked = TagSet.some((each) => each.Key === REVOKED_TAG);
  if (isRevoked === (value !== undefined)) return false;
  const others = TagSet.filter((each) => each.Key !== REVOKED_TAG);
  const tags = value === undefined ? others : [...others, { Key: REVOKED_TAG, Value: value }];
  await client.send(new PutObjectTaggingCommand({ ...object, Tagging: { TagSet: tags } }), call);
  return true;
}
