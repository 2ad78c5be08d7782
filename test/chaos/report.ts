import type { Check } from './verify.ts';

/** What a run was and did. */
export interface ChaosReport {
  readonly seed: number;
  readonly minutes: number;
  readonly node: string;
  readonly events: number;
  readonly files: number;
  readonly payloadBytes: number;
  readonly kills: { readonly workers: number; readonly producer: number };
  readonly clockSkews: Readonly<Record<string, number>>;
  readonly disturbances: Readonly<Record<string, number>>;
  /** Answers of the stack that were falsified, refused, cut or lost. */
  readonly faultsInjected: number;
  readonly copiedMessages: number;
  readonly handler: {
    readonly runs: number;
    readonly duplicateRuns: number;
    readonly effectStoodThere: number;
  };
  /** What workers and producer told, by kind and code. */
  readonly told: Readonly<Record<string, number>>;
  readonly secondsToDrain: number;
  readonly checks: readonly Check[];
}

/** The report as JSON, with the counts that Vitest's reports have. */
export function toJson(report: ChaosReport): string {
  const passed = report.checks.filter(({ isOk }) => isOk).length;
  const counts = {
    numPassedTests: passed,
    numFailedTests: report.checks.length - passed,
    numFailedTestSuites: 0,
    numPendingTests: 0,
    numTodoTests: 0,
  };
  return `${JSON.stringify({ ...counts, ...report }, undefined, 2)}\n`;
}

export function toText(report: ChaosReport): string {
  const { kills, handler } = report;
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => `\n    ${String(count).padStart(6)}  ${name}`)
      .join('');
  return `seed ${report.seed}, ${report.minutes} minutes, Node ${report.node}
  ${report.events} events with ${report.files} files, ${Math.round(report.payloadBytes / 1024 ** 2)} MiB
  ${kills.workers + kills.producer} kills -9: ${kills.workers} of workers, ${kills.producer} of the producer
  worker starts by clock skew:${counts(report.clockSkews)}
  disturbances:${counts(report.disturbances)}
  ${report.faultsInjected} answers falsified, refused, cut or lost; ${report.copiedMessages} messages sent twice
  ${handler.runs} handler runs, ${handler.duplicateRuns} of them again for the same event; ${handler.effectStoodThere} found the effect made
  told:${counts(report.told)}
  drained ${report.secondsToDrain} s after the last disturbance
${report.checks.map(({ name, isOk, found }) => `${isOk ? 'ok    ' : 'FAILED'}  ${name}: ${found}`).join('\n')}
`;
}
