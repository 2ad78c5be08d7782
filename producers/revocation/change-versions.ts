import { RevocationError } from '../../shared/errors.ts';
import { mapBounded } from '../url-service/map-bounded.ts';
import { beginAudit, type AuditedAction } from './audit.ts';
import type { FoundVersion } from './find-versions.ts';
import type { RevocationTools } from './options.ts';

/** Versions under way at once. */
const PARALLELISM = 16;

/** What was done. */
export interface RevocationReport {
  readonly action: AuditedAction;
  /** Key of the audit record in the control bucket; undefined if nothing was to be done. */
  readonly auditKey: string | undefined;
  /** All versions that the target means. */
  readonly versions: readonly FoundVersion[];
  /** Those that were not so before. */
  readonly changed: readonly FoundVersion[];
}

/**
 * Does one thing to every version, and writes down before and after what was done to which. All are tried, also after
 * one has failed.
 * @param change true if the version was not so before
 * @throws {RevocationError} if there is nothing to do it to, or it could not be done to all; may be repeated
 */
export async function changeVersions(
  action: AuditedAction,
  versions: readonly FoundVersion[],
  tools: RevocationTools,
  change: (version: FoundVersion) => Promise<boolean>,
): Promise<RevocationReport> {
  const { target, logger, signal } = tools;
  if (versions.length === 0)
    throw new RevocationError(`${describe(target)}: no version of a payload found, nothing was done`);
  const audit = await beginAudit(action, versions, tools);
  const failures: { readonly version: FoundVersion; readonly error: unknown }[] = [];
  const changed: FoundVersion[] = [];
  await mapBounded(versions, PARALLELISM, async (version) => {
    try {
      signal?.throwIfAborted();
      if (await change(version)) changed.push(version);
    } catch (error) {
      failures.push({ version, error });
    }
  });
  await audit.end({ state: failures.length === 0 ? 'done' : 'failed', changed });
  logger.info(
    { action, target, auditKey: audit.key, changed: changed.length, failed: failures.length },
    action,
  );
  const [first] = failures;
  if (first !== undefined) {
    signal?.throwIfAborted();
    throw new RevocationError(
      `${action}: ${failures.length} of ${versions.length} versions failed; the first is ${first.version.key} ` +
        `version ${first.version.versionId}: ${first.error instanceof Error ? first.error.message : String(first.error)}`,
      { cause: first.error, details: { auditKey: audit.key } },
    );
  }
  return { action, auditKey: audit.key, versions, changed };
}

function describe(target: RevocationTools['target']): string {
  if ('eventId' in target) return `event ${target.eventId}`;
  return target.versionId === undefined
    ? `key ${target.key}`
    : `key ${target.key} version ${target.versionId}`;
}
