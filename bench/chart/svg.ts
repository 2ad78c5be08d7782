/** A bar: how many times as fast as the panel's reference. */
export interface Bar {
  readonly label: string;
  readonly ratio: number;
  /** One of ours. */
  readonly own: boolean;
}

/** Bars that share a scale. */
export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LABEL_WIDTH = 250;
const BAR_WIDTH = 410;
const ROW_HEIGHT = 22;
const TITLE_HEIGHT = 34;
const MARGIN = 16;

/** Colours follow the reader's theme, also where the file is shown by an `<img>`. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .note { fill: #59636e; }
  .peer { fill: #afb8c1; }
  .own { fill: #0969da; }
  .one { stroke: #59636e; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; }
    .peer { fill: #656c76; }
    .own { fill: #4493f8; }
    .one { stroke: #9198a1; }
  }`;

/** Draws panels below each other; in each, a dashed line stands at 1, the reference. */
export function drawChart(heading: string, panels: readonly Panel[], note: string): string {
  let y = MARGIN + 8;
  const parts = [text(MARGIN, y, 'title', heading)];
  y += 4;
  for (const panel of panels) {
    parts.push(drawPanel(panel, y));
    y += TITLE_HEIGHT + panel.bars.length * ROW_HEIGHT;
  }
  y += 26;
  parts.push(text(MARGIN, y, 'note', note));
  const height = y + MARGIN;
  const summary = panels.map(({ title, bars }) => `${title}: ${bars.map(say).join(', ')}`).join('. ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="t d">`,
    `<title id="t">${escape(heading)}</title>`,
    `<desc id="d">${escape(summary)}</desc>`,
    `<style>${STYLE}\n</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function drawPanel({ title, bars }: Panel, top: number): string {
  const scale = BAR_WIDTH / Math.max(1, ...bars.map(({ ratio }) => ratio));
  const first = top + TITLE_HEIGHT;
  const one = round(LABEL_WIDTH + scale);
  const rows = bars.map((bar, index) => {
    const y = first + index * ROW_HEIGHT;
    const width = round(Math.max(1, bar.ratio * scale));
    return [
      `<text x="${LABEL_WIDTH - 8}" y="${y + 14}" text-anchor="end">${escape(bar.label)}</text>`,
      `<rect class="${bar.own ? 'own' : 'peer'}" x="${LABEL_WIDTH}" y="${y + 3}" width="${width}" height="15" rx="2"/>`,
      text(LABEL_WIDTH + width + 6, y + 14, bar.own ? 'title' : 'note', `${figure(bar.ratio)}×`),
    ].join('\n');
  });
  const bottom = first + bars.length * ROW_HEIGHT;
  return [
    text(MARGIN, top + 26, 'title', title),
    ...rows,
    `<line class="one" x1="${one}" x2="${one}" y1="${first}" y2="${bottom}"/>`,
  ].join('\n');
}

function say({ label, ratio }: Bar): string {
  return `${label} ${figure(ratio)} times`;
}

function figure(ratio: number): string {
  return ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(1);
}

function text(x: number, y: number, style: string, content: string): string {
  return `<text class="${style}" x="${round(x)}" y="${round(y)}">${escape(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
