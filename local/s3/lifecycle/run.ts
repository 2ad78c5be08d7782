import { S3Error } from '../errors.ts';
import type { Bucket, WriteCondition } from '../store/bucket.ts';
import type { VersionRecord } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { dueAtMs, filterFits } from './rules.ts';
import type { LifecycleRule } from './rules.ts';

/** What a run of the lifecycle rules did. */
export interface LifecycleReport {
  /** Current versions that expired: deleted, or behind a new delete marker. */
  readonly expired: number;
  /** Noncurrent versions removed for good. */
  readonly noncurrentRemoved: number;
  /** Delete markers removed because nothing was left behind them. */
  readonly deleteMarkersRemoved: number;
  readonly uploadsAborted: number;
}

type Counts = { -readonly [Name in keyof LifecycleReport]: LifecycleReport[Name] };

/**
 * Carries out what the enabled lifecycle rules of every bucket say is due now.
 * @param nowMs epoch milliseconds
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
 */
export async function runLifecycleRules(store: Store, nowMs: number): Promise<LifecycleReport> {
  const counts: Counts = { expired: 0, noncurrentRemoved: 0, deleteMarkersRemoved: 0, uploadsAborted: 0 };
  for (const bucket of store.buckets()) {
    const rules = (bucket.record.lifecycle ?? []).filter(({ enabled }) => enabled);
    if (rules.length === 0) continue;
    const keys = [...bucket.index.keysFrom('')]; // the run changes the index
    for (const key of keys) await runKey(bucket, key, rules, nowMs, counts);
    await abortUploads(store, bucket.name, rules, nowMs, counts);
  }
  return counts;
}

async function runKey(
  bucket: Bucket,
  key: string,
  rules: readonly LifecycleRule[],
  nowMs: number,
  counts: Counts,
): Promise<void> {
  for (const version of noncurrentDue(bucket.index.versionsOf(key), rules, nowMs)) {
    if (await remove(bucket, version)) counts.noncurrentRemoved += 1;
  }
  const [current, ...others] = bucket.index.versionsOf(key);
  if (current === undefined) return;
  if (current.deleteMarker) {
    if (others.length > 0 || !rules.some((rule) => markerIsDue(rule, current, nowMs))) return;
    if (await remove(bucket, current)) counts.deleteMarkersRemoved += 1;
  } else if (rules.some((rule) => currentIsDue(rule, current, nowMs))) {
    if (await expire(bucket, current)) counts.expired += 1;
  }
}

/** Deletes the current version as DeleteObject does, unless another has taken its place meanwhile. */
async function expire(bucket: Bucket, current: VersionRecord): Promise<boolean> {
  return await unlessChanged(async () => await bucket.deleteCurrent(current.key, same(current)));
}

/** Removes a version for good, unless another with its id (`null`) has taken its place meanwhile. */
async function remove(bucket: Bucket, version: VersionRecord): Promise<boolean> {
  return await unlessChanged(
    async () => await bucket.deleteVersion(version.key, version.versionId, same(version)),
  );
}

function same({ sequence }: VersionRecord): WriteCondition {
  return (found) => {
    if (found?.sequence !== sequence) throw new S3Error('ConditionalRequestConflict');
  };
}

/** @returns whether the work was done */
async function unlessChanged(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof S3Error && /^(?:ConditionalRequestConflict|NoSuchBucket)$/.test(error.code))
      return false;
    throw error;
  }
}

function currentIsDue(rule: LifecycleRule, current: VersionRecord, nowMs: number): boolean {
  const { expirationDays: days, expirationDateMs: dateMs } = rule;
  const due =
    (days !== undefined && nowMs >= dueAtMs(current.modifiedAtMs, days)) ||
    (dateMs !== undefined && nowMs >= dateMs);
  return due && filterFits(rule.filter, current);
}

/** A marker alone goes at once if the rule says so, and by age if the rule has days. */
function markerIsDue(rule: LifecycleRule, marker: VersionRecord, nowMs: number): boolean {
  const { expirationDays: days } = rule;
  const due =
    rule.expiredObjectDeleteMarker === true ||
    (days !== undefined && nowMs >= dueAtMs(marker.modifiedAtMs, days));
  return due && filterFits(rule.filter, { key: marker.key });
}

/** A version is noncurrent since its successor was written. */
function noncurrentDue(
  versions: readonly VersionRecord[],
  rules: readonly LifecycleRule[],
  nowMs: number,
): readonly VersionRecord[] {
  return versions.filter((version, at) => {
    const successor = versions[at - 1];
    if (successor === undefined) return false;
    const newerNoncurrent = at - 1;
    return rules.some(
      ({ filter, noncurrentDays: days, newerNoncurrentVersions: kept = 0 }) =>
        days !== undefined &&
        newerNoncurrent >= kept &&
        nowMs >= dueAtMs(successor.modifiedAtMs, days) &&
        filterFits(filter, version.deleteMarker ? { key: version.key } : version),
    );
  });
}

async function abortUploads(
  store: Store,
  bucketName: string,
  rules: readonly LifecycleRule[],
  nowMs: number,
  counts: Counts,
): Promise<void> {
  const { uploads } = store;
  const due = uploads
    .inBucket(bucketName)
    .filter(({ key, initiatedAtMs }) =>
      rules.some(
        ({ filter, abortIncompleteDays: days }) =>
          days !== undefined && nowMs >= dueAtMs(initiatedAtMs, days) && filterFits(filter, { key }),
      ),
    );
  for (const { uploadId, key } of due) {
    await uploads.exclusive(uploadId, async () => {
      try {
        await uploads.end(uploads.get(uploadId, bucketName, key));
        counts.uploadsAborted += 1;
      } catch (error) {
        // It was completed or aborted while this run was on its way
        if (!(error instanceof S3Error) || error.code !== 'NoSuchUpload') throw error;
      }
    });
  }
}
