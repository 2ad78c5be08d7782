import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { MEMORY } from './harness/workspace.ts';
import { suites } from './suites/index.ts';
import type { Suite, SuiteScale } from './suites/suite.ts';

/** What the command line asks for. */
export interface BenchOptions extends SuiteScale {
  readonly suites: readonly Suite[];
  readonly rounds: number;
  /** Nothing is written: a quick run proves that it works, not how fast. */
  readonly quick: boolean;
  readonly only: string | undefined;
  /** Where clients write. */
  readonly outputRoot: string;
  readonly engine: Readonly<Record<string, unknown>>;
}

const USAGE = `usage: npm run bench -- ${suites.map(({ name }) => name).join('|')}|all [options]

  --size 1G,4G     sizes of single payloads (default 1G,4G; capped and tls take the first, refetch twice that)
  --rounds 5       timed runs of each client (default 5)
  --only TEXT      only clients whose name contains TEXT, beside those that ratios refer to
  --out DIR        where clients write (default: ${MEMORY}, in memory)
  --transport NAME which of Waybill's transports (default: Waybill's own choice)
  --quick          256M, 3 rounds, 1,000 small payloads; writes no results

${suites.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join('\n')}
`;

/** Misuse of the command line; its message says how to use it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(message: string) {
    super(`${message}\n\n${USAGE}`);
  }
}

/** @throws {UsageError} for anything it does not know */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  const quick = values.quick ?? false;
  const [what, ...more] = positionals;
  if (what === undefined || more.length > 0) throw new UsageError('expected one suite, or all');
  const wanted = what === 'all' ? suites : suites.filter(({ name }) => name === what);
  if (wanted.length === 0) throw new UsageError(`${what}: no such suite`);
  const sizes = (values.size ?? (quick ? '256M' : '1G,4G')).split(',').map(parseSize);
  const rounds = Number(values.rounds ?? (quick ? 3 : 5));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
    throw new UsageError(`--rounds: got ${String(values.rounds)}, expected 1 to 100`);
  return {
    suites: wanted,
    sizes,
    refetchSize: (quick ? 1 : 2) * (sizes[0] ?? 0),
    smallCount: quick ? 1_000 : 10_000,
    eventCount: quick ? 2_000 : 20_000,
    rounds,
    quick,
    only: values.only,
    outputRoot: resolve(values.out ?? MEMORY),
    engine: values.transport === undefined ? {} : { transport: values.transport },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        size: { type: 'string' },
        rounds: { type: 'string' },
        only: { type: 'string' },
        out: { type: 'string' },
        transport: { type: 'string' },
        quick: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parseSize(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([KMG])$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined || Number(digits) === 0)
    throw new UsageError(`--size: got ${text}, expected sizes such as 256M,1G`);
  return Number(digits) * 1024 ** ' KMG'.indexOf(unit);
}
