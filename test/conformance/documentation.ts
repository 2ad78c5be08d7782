import { cases } from './cases/index.ts';
import { differencesByReason } from './expected-differences.ts';
import type { EndpointKind } from './target.ts';

/** Sections of the page that are made from the suite. */
const SECTIONS: Readonly<Record<string, () => string>> = {
  suites: suitesTable,
  'differences local': () => differencesTable('local'),
  'differences radosgw': () => differencesTable('radosgw'),
};

/**
 * The page with its generated sections brought up to date. They stand between `<!-- begin NAME -->` and
 * `<!-- end NAME -->`.
 * @throws {Error} if the page lacks one
 */
export function renderPage(page: string): string {
  let text = page;
  for (const [name, render] of Object.entries(SECTIONS)) {
    const begin = `<!-- begin ${name} -->`;
    const end = `<!-- end ${name} -->`;
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from === -1 || to === -1) throw new Error(`the page has no section ${name}`);
    text = `${text.slice(0, from + begin.length)}\n\n${render()}\n\n${text.slice(to)}`;
  }
  return text;
}

function suitesTable(): string {
  const rows = new Map<string, number>();
  for (const { id } of cases) {
    const name = id.split('.', 1)[0] ?? id;
    rows.set(name, (rows.get(name) ?? 0) + 1);
  }
  const entries = [...rows].map(([name, count]) => [`\`${name}\``, String(count)]);
  return table(['cases', 'number'], [...entries, ['all', String(cases.length)]]);
}

function differencesTable(kind: EndpointKind): string {
  const rows = Object.entries(differencesByReason[kind]).map(([reason, ids]) => [
    reason,
    String(ids.length),
    `\`${ids[0] ?? ''}\``,
  ]);
  return table(['what it does otherwise', 'cases', 'for example'], rows);
}

/** Columns as wide as their widest cell, as the formatter writes them. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
