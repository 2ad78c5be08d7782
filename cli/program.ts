import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { consumeCommand } from './commands/consume.ts';
import { demoCommand } from './commands/demo.ts';
import { fetchCommand } from './commands/fetch.ts';
import { inspectCommand } from './commands/inspect.ts';
import { presignCommand } from './commands/presign.ts';
import { publishCommand } from './commands/publish.ts';
import { upCommand } from './commands/up.ts';
import { urlServiceCommand } from './commands/url-service.ts';

/** The whole command line. Errors are thrown, never an exit: `main.ts` maps them to exit codes. */
export function createProgram(): Command {
  const program = new Command('waybill')
    .description(
      'Hand large files between systems on AWS: small events, short-lived URLs, verified downloads.',
    )
    .version(packageVersion())
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nStart here:\n  $ waybill demo\n  $ waybill up   # then, in another shell: . ./.waybill.env',
    );
  const commands = [
    demoCommand(),
    upCommand(),
    publishCommand(),
    consumeCommand(),
    fetchCommand(),
    presignCommand(),
    inspectCommand(),
    urlServiceCommand(),
  ];
  for (const each of commands) program.addCommand(each);
  throwInsteadOfExit(program);
  return program;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  command.showSuggestionAfterError();
  for (const child of command.commands) throwInsteadOfExit(child);
}

function packageVersion(): string {
  // Sources lie in cli/, the build in dist/cli/.
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string })
        .version;
    } catch {
      // the other layout
    }
  }
  return 'unknown';
}
