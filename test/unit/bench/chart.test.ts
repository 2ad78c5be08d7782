import { XMLParser } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { drawChart } from '../../../bench/chart/svg.ts';

const panels = [
  {
    title: 'Download & verify',
    bars: [
      { label: 'curl <plain>', ratio: 1, own: false },
      { label: 'Waybill', ratio: 2, own: true },
    ],
  },
];

describe('drawChart', () => {
  it('draws well-formed SVG: bars to scale, a line at the reference, words for those who cannot see it', () => {
    const parser = new XMLParser({ ignoreAttributes: false });
    const { svg } = parser.parse(drawChart('Heading', panels, 'A note'));
    const [peer, own] = svg.rect;
    expect(Number(own['@_width'])).toBe(2 * Number(peer['@_width']));
    expect([peer['@_class'], own['@_class']]).toEqual(['peer', 'own']);
    expect(Number(svg.line['@_x1'])).toBe(Number(peer['@_x']) + Number(peer['@_width']));
    expect(svg.desc['#text']).toBe('Download & verify: curl <plain> 1.00 times, Waybill 2.00 times');
  });

  it('follows the theme of the reader', () => {
    expect(drawChart('Heading', panels, '')).toContain('prefers-color-scheme: dark');
  });

  it('grows with its rows', () => {
    const heightOf = (svg: string): number => Number(/viewBox="0 0 \d+ (\d+)"/.exec(svg)?.[1]);
    expect(heightOf(drawChart('H', [...panels, ...panels], ''))).toBeGreaterThan(
      heightOf(drawChart('H', panels, '')),
    );
  });
});
