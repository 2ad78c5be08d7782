import type { ReplayProgress, ReplayReport } from '../producers/index.ts';
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

/** What a replay did: a line per finding and failure, a table of counts, and a sentence. */
export function showReport(report: ReplayReport, out: Output): void {
  const { findings = [], failures, dryRun } = report;
  for (const finding of findings) {
    const { problem, store, key, name, eventId } = finding;
    out.say(`${problem}: ${store}/${key} (${name} of event ${eventId})`);
    out.emit({ type: 'finding', ...finding });
  }
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
    ...Object.entries(countBy(findings.map(({ problem }) => problem))).map(([problem, count]) => [
      'payloads',
      problem,
      String(count),
    ]),
  ];
  if (rows.length > 0) for (const line of tableLines(['WHAT', 'WHICH', 'COUNT'], rows)) out.result(line);
  const { published, attachments, bytes, withoutUrl, payloadsChecked } = report;
  out.say(
    `${dryRun ? 'would publish' : 'published'} ${published} events with ${attachments} attachments, ${formatBytes(bytes)}` +
      (payloadsChecked === undefined
        ? ''
        : `; ${payloadsChecked} payloads looked at, ${findings.length} cannot be had`) +
      (withoutUrl === 0 ? '' : `; ${withoutUrl} without URLs`),
  );
  const { findings: _findings, failures: _failures, ...counts } = report;
  out.emit({ type: dryRun ? 'dry-run' : 'replayed', ...counts, payloadsGone: findings.length });
}

function countBy(items: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}
