import { randomBytes } from 'node:crypto';
import type { FoundVersion } from './find-versions.ts';
import type { RevocationTools } from './options.ts';

/** Prefix of audit records in the control bucket. */
export const AUDIT_PREFIX = 'audit/';

/** What every audit record says it is. */
export const AUDIT_FORMAT = 'waybill-audit/1';

/** What was done to payloads. */
export type AuditedAction = 'revoke' | 'undo-revoke' | 'erase';

/** The records of one action: one before it, which names all that it is about to touch, and one after it. */
export interface Audit {
  /** Key of the record that was written before. */
  readonly key: string;
  /** Writes down how it ended. */
  end(outcome: {
    readonly state: 'done' | 'failed';
    readonly changed: readonly FoundVersion[];
  }): Promise<void>;
}

/**
 * Writes down what is about to be done, so that no crash hides it: `audit/<day>/<time>-<token>.begun.json`, and the end
 * beside it. Records are created and never changed; who does this needs no right to change them.
 * @throws {RecordsError} if it cannot be written down; nothing must be done then
 */
export async function beginAudit(
  action: AuditedAction,
  versions: readonly FoundVersion[],
  { target, by, reason, records, clock }: RevocationTools,
): Promise<Audit> {
  const token = randomBytes(6).toString('hex');
  const at = (): string => new Date(clock.nowMs()).toISOString();
  const begunAt = at();
  const base = `${AUDIT_PREFIX}${begunAt.slice(0, 10)}/${begunAt.replaceAll(/[-:.]/g, '')}-${token}`;
  const head = { format: AUDIT_FORMAT, token, action, by, reason, target };
  const write = async (key: string, body: object): Promise<void> => {
    await records.create(key, JSON.stringify({ ...head, ...body }));
  };
  const key = `${base}.begun.json`;
  await write(key, { state: 'begun', at: begunAt, versions: named(versions) });
  return {
    key,
    end: async ({ state, changed }) =>
      await write(`${base}.ended.json`, { state, at: at(), changed: named(changed) }),
  };
}

function named(versions: readonly FoundVersion[]) {
  return versions.map(({ store, key, versionId, isDeleteMarker }) => ({
    store,
    key,
    versionId,
    ...(isDeleteMarker ? { isDeleteMarker } : {}),
  }));
}
