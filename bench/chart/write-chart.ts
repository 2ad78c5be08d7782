import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { RaceResult } from '../harness/race.ts';
import { readResults } from '../harness/results.ts';
import { summarise } from '../harness/summary.ts';
import { suites } from '../suites/index.ts';
import { drawChart, type Panel } from './svg.ts';

const PATH = new URL('../../docs/performance.svg', import.meta.url);
/** Drawn is what is faster or slower; what refetching costs is told in words. */
const LEFT_OUT = new Set(['refetch']);

/** Draws the first race of every suite that has results. Returns where. */
export async function writeChart(): Promise<string> {
  const results = new Map((await readResults()).reverse().map((result) => [result.suite, result]));
  const shown = suites
    .filter(({ name }) => !LEFT_OUT.has(name))
    .flatMap(({ name }) => results.get(name) ?? []);
  const panels = shown.flatMap(({ races: [first] }) => (first === undefined ? [] : [panelOf(first)]));
  const { machine } = shown[0] ?? {};
  const on = machine === undefined ? '' : `${machine.cores} cores, Node ${machine.node}, `;
  const note = `Medians; ${on}client and server on one machine. Method and limits: docs/performance.md`;
  await writeFile(PATH, drawChart('Times as fast as the dashed line', panels, note));
  return fileURLToPath(PATH);
}

function panelOf(race: RaceResult): Panel {
  const inside = race.basis === 'inside' ? ', without start-up' : '';
  return {
    title: `${race.title}${inside} (1 = ${race.reference})`,
    bars: summarise(race).map(({ name, checks, ratio }) => {
      const own = name.startsWith('Waybill'); // its names say what it checks
      return { label: own || checks === 'nothing' ? name : `${name} (${checks})`, ratio, own };
    }),
  };
}
