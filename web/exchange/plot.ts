import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { SampleView } from '../../shared/exchange-view.ts';
import { h, setText } from '../dom.ts';

/** One line of a plot. */
export interface Line {
  readonly label: string;
  /** A variable of the page's colours. */
  readonly colour: string;
  readonly dash?: readonly number[];
  readonly value: (sample: SampleView) => number;
}

export interface PlotOptions {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** The axis reaches at least this far. */
  readonly atLeast: number;
}

const HEIGHT = 170;

/** A plot over time; its figures are said below it in words, for whoever does not see it. */
export function createPlot(options: PlotOptions): {
  readonly element: HTMLElement;
  readonly draw: (samples: readonly SampleView[]) => void;
} {
  const { lines, format } = options;
  const canvas = h('div', { class: 'plot', 'aria-hidden': 'true' });
  const values = lines.map(({ label, colour }) => {
    const text = h('strong', {});
    const swatch = h('span', { class: 'swatch', 'data-colour': colour, 'aria-hidden': 'true' });
    return { text, element: h('span', { class: 'legend' }, swatch, `${label} `, text) };
  });
  const element = h(
    'figure',
    { class: 'panel' },
    h('h2', {}, options.title),
    canvas,
    h('figcaption', { class: 'quiet' }, ...values.map((value) => value.element)),
  );
  let plot: uPlot | undefined;
  let data: uPlot.AlignedData = [[], ...lines.map(() => [])];

  const make = (): void => {
    plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: colour('quiet'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { stroke: colour('line'), width: 1 },
    };
    plot = new uPlot(
      {
        width: Math.max(200, canvas.clientWidth),
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_plot, _min, max) => [0, Math.max(options.atLeast, max * 1.1)] } },
        axes: [
          { ...axis, space: 80 },
          { ...axis, size: 76, values: (_plot, splits) => splits.map((value) => format(value)) },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 2,
            points: { show: false },
            ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
          })),
        ],
      },
      data,
      canvas,
    );
  };

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    if (plot !== undefined) make();
  });
  new ResizeObserver(() => {
    if (canvas.clientWidth === 0) return; // the other view is shown
    if (plot === undefined) make();
    else plot.setSize({ width: canvas.clientWidth, height: HEIGHT });
  }).observe(canvas);

  return {
    element,
    draw(samples) {
      data = [samples.map(({ atMs }) => atMs / 1000), ...lines.map(({ value }) => samples.map(value))];
      plot?.setData(data);
      const last = samples.at(-1);
      for (const [index, { text }] of values.entries()) {
        const line = lines[index];
        setText(text, last === undefined || line === undefined ? '–' : format(line.value(last)));
      }
    },
  };
}
