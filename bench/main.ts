import { loadavg } from 'node:os';
import { writeChart } from './chart/write-chart.ts';
import { writeDocument } from './harness/document.ts';
import { interrupted, listenForSignals } from './harness/interrupt.ts';
import { describeMachine } from './harness/machine.ts';
import { writeResult } from './harness/results.ts';
import { raceTable } from './harness/table.ts';
import { openWorkspace } from './harness/workspace.ts';
import { parseOptions, UsageError, type BenchOptions } from './options.ts';
import type { Suite } from './suites/suite.ts';

async function main(options: BenchOptions): Promise<void> {
  const machine = await describeMachine();
  const { cpu, cores, memoryGib, node } = machine;
  say(`${cpu}, ${cores} cores, ${memoryGib} GiB; Node ${node}\n`);
  for (const suite of options.suites) {
    const date = new Date().toISOString();
    const [loadBefore = 0] = loadavg();
    const races = await runSuite(suite, options);
    for (const race of races) say(`${raceTable(race)}\n`);
    if (options.quick) continue;
    const result = { suite: suite.name, date, outputRoot: options.outputRoot, machine, loadBefore, races };
    for (const path of await writeResult(result)) note(`wrote ${path}`);
  }
  if (options.quick) return;
  note(`wrote ${await writeChart()}`);
  note(`wrote ${await writeDocument()}`);
}

async function runSuite(suite: Suite, options: BenchOptions) {
  await using workspace = await openWorkspace(suite.needs(options), options.outputRoot);
  return await suite.run({ ...options, workspace, log: note });
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The report, on stdout. */
function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What happens meanwhile, on stderr. */
function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

listenForSignals();
try {
  await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  if (error instanceof UsageError) {
    note(error.message);
    process.exitCode = 2;
  } else {
    note(interrupted.aborted ? String(interrupted.reason) : describe(error));
    process.exitCode = 1;
  }
}
