import type { WaybillEvent } from '../../shared/events/index.ts';
import type { PayloadFinding, ReplayCounts, ReplayFailure, SkipReason } from './types.ts';

/** Most failures, and most findings, that a report lists. */
const MAX_FAILURES = 1_000;
const MAX_FINDINGS = 10_000;

/** Counts while a replay runs. */
export interface Tally {
  read: number;
  skip(reason: SkipReason): void;
  published(event: WaybillEvent, withoutUrl: boolean): void;
  fail(failure: ReplayFailure): void;
  checked(findings: readonly PayloadFinding[], payloads: number): void;
  counts(): ReplayCounts;
  readonly failures: readonly ReplayFailure[];
  readonly findings: readonly PayloadFinding[];
  readonly payloadsChecked: number;
  readonly payloadsGone: number;
}

/** @param before what earlier runs counted */
export function createTally(before?: {
  readonly counts: ReplayCounts;
  readonly failures: readonly ReplayFailure[];
}): Tally {
  const start = before?.counts;
  let { published = 0, failed = 0, attachments = 0, bytes = 0, withoutUrl = 0 } = start ?? {};
  let [payloadsChecked, payloadsGone] = [0, 0];
  const skipped = { filtered: 0, duplicate: 0, loop: 0, handled: 0, gone: 0, ...start?.skipped };
  const byType: Record<string, number> = { ...start?.byType };
  const failures = [...(before?.failures ?? [])];
  const findings: PayloadFinding[] = [];
  return {
    read: start?.read ?? 0,
    skip: (reason) => (skipped[reason] += 1),
    published(event, lacksUrl) {
      const { manifest, attachments: listed } = event.data;
      const named = manifest === undefined ? listed : [manifest];
      published += 1;
      attachments += named.length;
      bytes += named.reduce((sum, { size }) => sum + size, 0);
      if (lacksUrl) withoutUrl += 1;
      byType[event.type] = (byType[event.type] ?? 0) + 1;
    },
    fail(failure) {
      failed += 1;
      if (failures.length < MAX_FAILURES) failures.push(failure);
    },
    checked(found, payloads) {
      payloadsChecked += payloads;
      payloadsGone += found.length;
      findings.push(...found.slice(0, MAX_FINDINGS - findings.length));
    },
    counts() {
      const totals = { published, failed, attachments, bytes, withoutUrl };
      return { read: this.read, ...totals, skipped: { ...skipped }, byType: { ...byType } };
    },
    failures,
    findings,
    get payloadsChecked() {
      return payloadsChecked;
    },
    get payloadsGone() {
      return payloadsGone;
    },
  };
}
