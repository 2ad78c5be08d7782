import { randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DISTURBANCES } from './disturbances.ts';
import { toJson, toText } from './report.ts';
import { runChaos } from './run.ts';

const HELP = `npm run test:chaos -- [--minutes 3] [--seed N] [--events N] [--report FILE] [--only NAMES] [--keep]

A producer, the stack and three workers; kills, cuts, lies and outages; then the counting. See docs/chaos.md.
--events is 200 a minute unless given. --only takes names of disturbances, as the report has them, with commas. --keep leaves the directory of the run.
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    events: { type: 'string' },
    report: { type: 'string' },
    only: { type: 'string', default: Object.keys(DISTURBANCES).join() },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const numbers = {
  minutes: Number(values.minutes),
  seed: Number(values.seed),
  events: Number(values.events ?? 1),
};
const wrong = Object.entries(numbers).find(([, value]) => !(value > 0));
if (values.help || wrong !== undefined) {
  say(wrong === undefined ? HELP : `--${wrong[0]}: expected a number above 0\n\n${HELP}`);
  process.exit(wrong === undefined ? 0 : 2);
}
const names = values.only.split(',');
const unknown = names.find((name) => !(name in DISTURBANCES));
if (unknown !== undefined) {
  say(`--only: got ${JSON.stringify(unknown)}, expected some of: ${Object.keys(DISTURBANCES).join(', ')}`);
  process.exit(2);
}
const { seed, minutes } = numbers;
const count = values.events === undefined ? Math.round(minutes * 200) : numbers.events;
const dir = await mkdtemp(join(tmpdir(), 'waybill-chaos-'));
say(`seed ${seed}: ${count} events over ${minutes} minutes, in ${dir}`);
try {
  const report = await runChaos({ seed, minutes, count, dir, names, say });
  say(toText(report));
  if (values.report !== undefined) await writeFile(values.report, toJson(report));
  process.exitCode = report.checks.every(({ isOk }) => isOk) ? 0 : 1;
} catch (error) {
  say(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
  process.exitCode = 1;
} finally {
  if (!values.keep) await rm(dir, { recursive: true, force: true });
}
