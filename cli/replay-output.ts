import type { PayloadFinding, ReplayProgress, ReplayReport } from '../producers/index.ts';
import type { Output } from './output.ts';
import { tableLines } from './table.ts';
import { formatBytes } from './values.ts';

/** Steps of the progress bar. */
const BAR_STEPS = 1000;

/** A bar over the span of time, with counts beside it; without a terminal a line at every quarter. */
export function progressOf(
  out: Output,
  dryRun: boolean,
): { readonly update: (progress: ReplayProgress) => void; readonly done: () => void } {
  const bar = out.bar(dryRun ? 'dry run' : 'replay', BAR_STEPS, () => '');
  let [fraction, note] = [0, ''];
  return {
    update: (progress) => {
      fraction = Math.min(1, Math.max(fraction, progress.fraction ?? 0));
      note = `${progress.published} of ${progress.read} events read`;
      bar.update(Math.floor(fraction * BAR_STEPS), note);
      out.emit({ type: 'progress', ...progress });
    },
    done: () => bar.done(note),
  };
}

/** Shows payloads that cannot be had, each when it is found, and counts them. */
export function showFindings(out: Output): {
  readonly show: (finding: PayloadFinding) => void;
  readonly byProblem: Readonly<Record<string, number>>;
} {
  const byProblem: Record<string, number> = {};
  return {
    byProblem,
    show: (finding) => {
      const { problem, store, key, name, eventId } = finding;
      byProblem[problem] = (byProblem[problem] ?? 0) + 1;
      out.say(`${problem}: ${store}/${key} (${name} of event ${eventId})`);
      out.emit({ type: 'finding', ...finding });
    },
  };
}

/** What a replay did: a line per failure, a table of counts, and a sentence. */
export function showReport(
  report: ReplayReport,
  byProblem: Readonly<Record<string, number>>,
  out: Output,
): void {
  const { failures, dryRun } = report;
  for (const failure of failures) {
    out.say(`failed ${failure.eventId}: ${failure.reason} [${failure.code}]`);
    out.emit({ type: 'failure', ...failure });
  }
  const rows = [
    ...Object.entries(report.byType).map(([type, count]) => [
      dryRun ? 'would publish' : 'published',
      type,
      String(count),
    ]),
    ...Object.entries(report.skipped).flatMap(([reason, count]) =>
      count === 0 ? [] : [['skipped', reason, String(count)]],
    ),
    ...(report.failed === 0 ? [] : [['failed', '', String(report.failed)]]),
    ...Object.entries(byProblem).map(([problem, count]) => ['payloads', problem, String(count)]),
  ];
  if (rows.length > 0) for (const line of tableLines(['WHAT', 'WHICH', 'COUNT'], rows)) out.result(line);
  const { published, attachments, bytes, withoutUrl, payloadsChecked, payloadsGone = 0 } = report;
  out.say(
    `${dryRun ? 'would publish' : 'published'} ${published} events with ${attachments} attachments, ${formatBytes(bytes)}` +
      (payloadsChecked === undefined
        ? ''
        : `; ${payloadsChecked} payloads looked at, ${payloadsGone} cannot be had`) +
      (withoutUrl === 0 ? '' : `; ${withoutUrl} without URLs`),
  );
  const { findings: _findings, failures: _failures, ...counts } = report;
  out.emit({ type: dryRun ? 'dry-run' : 'replayed', ...counts });
}
