import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { RaceResult } from './race.ts';
import { readResults, type SuiteResult } from './results.ts';
import { summarise } from './summary.ts';
import { markdown } from './table.ts';

const PATH = new URL('../../docs/performance.md', import.meta.url);
const BEGIN = '<!-- results: written by the bench -->';
const END = '<!-- end of results -->';

/** Writes the results that are there into the documentation: ratios, not speeds. Returns where. */
export async function writeDocument(): Promise<string> {
  const text = await readFile(PATH, 'utf8');
  await writeFile(PATH, insertResults(text, await readResults()));
  return fileURLToPath(PATH);
}

/** Puts the results in the place of those before. @throws {Error} when the place is not marked */
export function insertResults(text: string, results: readonly SuiteResult[]): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`performance.md: expected ${BEGIN} and ${END}`);
  const body = results.map(describeSuite).join('\n\n');
  return `${text.slice(0, begin + BEGIN.length)}\n\n${body}\n\n${text.slice(end)}`;
}

function describeSuite({ date, machine, outputRoot, loadBefore, races }: SuiteResult): string {
  const { cpu, cores, memoryGib, node, versions } = machine;
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    ...races.map(describeRace),
    `_${date.slice(0, 10)}, ${cpu}, ${cores} cores, ${memoryGib} GiB, load ${loadBefore.toFixed(1)} before; files in ` +
      `\`${outputRoot}\`; Node ${node}, ${peers.join(', ')}._`,
  ].join('\n\n');
}

function describeRace(race: RaceResult): string {
  const lanes = summarise(race);
  const referenceCpu = lanes.find(({ name }) => name === race.reference)?.cpuSecondsPerGib ?? 0;
  const inside = race.basis === 'inside' ? ', inside' : '';
  const rows = lanes.map(({ name, checks, ratio, cpuSecondsPerGib, peakRssBytes }) => [
    name,
    checks,
    `${ratio.toFixed(2)}×`,
    `${(cpuSecondsPerGib / referenceCpu).toFixed(2)}×`,
    `${(peakRssBytes / 1e6).toFixed(0)} MB`,
  ]);
  const header = ['client', 'checks', `speed, ${race.reference} = 1${inside}`, 'CPU time', 'peak RSS'];
  const rounds = race.lanes[0]?.samples.length ?? 0;
  return [`### ${race.title}`, `Medians of ${rounds} rounds.`, markdown(header, rows)].join('\n\n');
}
