import type { RaceResult } from './race.ts';
import { judge, summarise, type JudgedGoal, type Spread } from './summary.ts';

/** A race as Markdown: the table of its contestants, and its goals. */
export function raceTable(race: RaceResult): string {
  const { basis = 'wall', reference, requests } = race;
  const lanes = summarise(race);
  const inside = lanes.some(({ insideSeconds }) => insideSeconds !== undefined);
  const header = [
    'client',
    'checks',
    'whole process, s',
    ...(inside ? ['inside, s'] : []),
    ...(requests === undefined ? [] : ['requests/s']),
    `× ${reference}${basis === 'inside' ? ' (inside)' : ''}`,
    'CPU s/GiB',
    'peak RSS, MB',
  ];
  const rows = lanes.map((lane) => [
    lane.name,
    lane.checks,
    seconds(lane.wallSeconds),
    ...(inside ? [lane.insideSeconds === undefined ? '' : seconds(lane.insideSeconds)] : []),
    ...(requests === undefined ? [] : [(requests / lane.wallSeconds.median).toFixed(0)]),
    lane.ratio.toFixed(2),
    lane.cpuSecondsPerGib.toFixed(2),
    (lane.peakRssBytes / 1e6).toFixed(0),
  ]);
  const rounds = race.lanes[0]?.samples.length ?? 0;
  return [
    `### ${race.title}`,
    `Median (lowest–highest) of ${rounds} rounds.`,
    markdown(header, rows),
    ...goalTable(judge(race)),
  ].join('\n\n');
}

function goalTable(goals: readonly JudgedGoal[]): string[] {
  if (goals.length === 0) return [];
  const rows = goals.map((goal) => [
    `${goal.contestant}${goal.peer === undefined ? '' : ` vs ${goal.peer}`}`,
    goal.metric,
    ...[goal.measured, goal.floor, goal.aim].map((value) => amount(goal.metric, value)),
    goal.verdict,
  ]);
  return [markdown(['goal', 'metric', 'measured', 'floor', 'aim', ''], rows)];
}

function amount(metric: JudgedGoal['metric'], value: number): string {
  switch (metric) {
    case 'speed':
      return `${value.toFixed(2)}×`;
    case 'peak-rss':
      return `${(value / 1e6).toFixed(0)} MB`;
    case 'extra-time':
    case 'extra-bytes':
      return `${(value * 100).toFixed(2)} %`;
  }
}

function seconds({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}

/** A bar would end the cell. */
function escape(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

/** A Markdown table, its columns padded. */
export function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => escape(row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => escape(cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map((row) => line(row))].join(
    '\n',
  );
}
