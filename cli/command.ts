import { Command, Option } from 'commander';
import { pino } from 'pino';
import { redactingLogger, type Logger } from '../shared/logger.ts';
import { readEnvironment, type Environment } from './environment.ts';
import { createOutput, type Output } from './output.ts';

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;

/** What every command gets. */
export interface Context {
  readonly env: Environment;
  readonly out: Output;
  readonly logger: Logger;
  /** Aborts on the first SIGINT or SIGTERM; the second one ends the process. */
  readonly signal: AbortSignal;
}

interface CommonOptions {
  readonly json?: boolean;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/**
 * A command with the options that all share, and its examples under `--help`.
 * @param logLevel default of `--log-level`; silent where lines for people say it all already
 */
export function command(
  name: string,
  summary: string,
  examples: readonly string[],
  logLevel: (typeof LOG_LEVELS)[number] = 'silent',
): Command {
  return new Command(name)
    .summary(summary)
    .description(summary)
    .option('--json', 'write NDJSON to stdout, one record a line')
    .addOption(
      new Option('--log-level <level>', 'diagnostics on stderr')
        .choices([...LOG_LEVELS])
        .default(logLevel)
        .env('WAYBILL_LOG_LEVEL'),
    )
    .showHelpAfterError('(--help shows the options and examples)')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .addHelpText('after', ['', 'Examples:', ...examples.map((line) => `  $ ${line}`)].join('\n'));
}

/** Runs a command's work with its context, and cleans up after it. */
export async function runWith(options: object, work: (context: Context) => Promise<void>): Promise<void> {
  const common = options as CommonOptions;
  const out = createOutput({ json: common.json === true });
  const logger = redactingLogger(pino({ level: common.logLevel }, pino.destination({ dest: 2, sync: true })));
  const controller = new AbortController();
  let stops = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    if (++stops > 1) process.exit(130);
    out.say(`${name}: stopping; once more to stop at once`);
    controller.abort(new InterruptedError(name));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    await work({ env: readEnvironment(), out, logger, signal: controller.signal });
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await out.close();
  }
}

/** The user pressed Ctrl-C, or the system asked to stop. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';

  constructor(signal: string) {
    super(`interrupted by ${signal}`);
  }
}
