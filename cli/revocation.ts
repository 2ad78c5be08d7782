import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { isEventId, type RevocationOptions, type RevocationReport } from '../producers/index.ts';
import type { Context } from './command.ts';
import { controlOf, storesOf } from './environment.ts';
import { UsageError } from './errors.ts';
import type { Output } from './output.ts';
import { formatBytes } from './values.ts';

export interface RevocationFlags {
  readonly versionId?: string;
  readonly store?: string;
  readonly reason?: string;
  readonly by?: string;
  readonly stores?: string;
  readonly control?: string;
}

/** Adds what `revoke` and `erase` share. */
export function withTarget(base: Command): Command {
  return base
    .argument('<event|key>', 'id of an event, for all its payloads, or key of one payload')
    .option('--version-id <id>', 'with a key: this version only; default every version')
    .option('--store <name>', 'with a key: logical name of its store (WAYBILL_STORE; default the only one)')
    .option('--reason <text>', 'why; stands in the audit record')
    .option('--by <name>', 'who asks for it; stands in the audit record; default the user of this machine')
    .option('--stores <json|file>', 'stores by logical name (WAYBILL_STORES)')
    .option('--control <json|file>', 'control bucket, for ledger and audit records (WAYBILL_CONTROL)');
}

/** @throws {UsageError} naming the flag that is wrong or missing */
export function revocationOf(
  target: string,
  flags: RevocationFlags,
  { env, logger, signal }: Context,
): RevocationOptions {
  const { versionId, reason, by } = flags;
  if (isEventId(target) && (versionId !== undefined || flags.store !== undefined))
    throw new UsageError('--version-id, --store: expected with a key only, not with the id of an event');
  const store = flags.store ?? env.WAYBILL_STORE;
  return {
    target: isEventId(target) ? { eventId: target } : { key: target, versionId, store },
    stores: storesOf(env, flags.stores),
    control: controlOf(env, flags.control),
    by: by ?? userInfo().username,
    reason,
    logger,
    signal,
  };
}

/** One line for each version. */
export function showVersions({ versions, changed }: RevocationReport, out: Output): void {
  const isChanged = new Set(changed);
  for (const version of versions) {
    const { store, key, versionId, size, isDeleteMarker } = version;
    const what = isDeleteMarker ? 'delete marker' : formatBytes(size);
    out.say(`${isChanged.has(version) ? '*' : ' '} ${store} ${key} version ${versionId}, ${what}`);
  }
}
