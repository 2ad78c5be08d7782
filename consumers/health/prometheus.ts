import type { HistogramValue } from './histogram.ts';

/** One value of a family, and what tells it from the others. */
export interface MetricSample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Metrics of one name. */
export type MetricFamily = { readonly name: string; readonly help: string } & (
  | { readonly type: 'counter' | 'gauge'; readonly samples: readonly MetricSample[] }
  | { readonly type: 'histogram'; readonly histogram: HistogramValue }
);

/** What `/metrics` is. */
export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Writes metrics as Prometheus reads them.
 * @throws {TypeError} for a counter whose name does not end in `_total`
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function formatMetrics(families: readonly MetricFamily[]): string {
  return families.map(formatFamily).join('');
}

function formatFamily(family: MetricFamily): string {
  const { name, help, type } = family;
  if (type === 'counter' && !name.endsWith('_total'))
    throw new TypeError(`name: got ${JSON.stringify(name)}, expected a counter's name to end in _total`);
  const lines = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`];
  if (family.type === 'histogram') lines.push(...histogramLines(name, family.histogram));
  else for (const { labels, value } of family.samples) lines.push(line(name, labels, value));
  return `${lines.join('\n')}\n`;
}

/** Buckets are cumulative; the last one, `+Inf`, is the count. */
function histogramLines(name: string, { bounds, counts, sum }: HistogramValue): string[] {
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    const bound = bounds[index];
    return line(`${name}_bucket`, { le: bound === undefined ? '+Inf' : String(bound) }, total);
  });
  return [...buckets, line(`${name}_sum`, undefined, sum), line(`${name}_count`, undefined, total)];
}

function line(name: string, labels: Readonly<Record<string, string>> = {}, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
