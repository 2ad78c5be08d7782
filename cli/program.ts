import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { packageFile } from './package-file.ts';

interface Entry {
  readonly name: string;
  readonly summary: string;
  /** Loaded only when it is asked for: the AWS SDK takes half a second that `--help` should not cost. */
  readonly load: (summary: string) => Promise<Command>;
}

const COMMANDS: readonly Entry[] = [
  {
    name: 'demo',
    summary: 'send real files through the whole exchange while URLs expire and connections break',
    load: async (summary) => (await import('./commands/demo.ts')).demoCommand(summary),
  },
  {
    name: 'up',
    summary: 'run the embedded stack: S3, EventBridge, SQS and the URL service, on loopback',
    load: async (summary) => (await import('./commands/up.ts')).upCommand(summary),
  },
  {
    name: 'publish',
    summary: 'upload files and publish one event that names them all',
    load: async (summary) => (await import('./commands/publish.ts')).publishCommand(summary),
  },
  {
    name: 'consume',
    summary: 'save every event of a queue and its files, verified, to a directory',
    load: async (summary) => (await import('./commands/consume.ts')).consumeCommand(summary),
  },
  {
    name: 'fetch',
    summary: "download an event's files, or one presigned URL: resumed, refetched, verified",
    load: async (summary) => (await import('./commands/fetch.ts')).fetchCommand(summary),
  },
  {
    name: 'presign',
    summary: 'sign a URL for one object: get, put, or post (an HTML form)',
    load: async (summary) => (await import('./commands/presign.ts')).presignCommand(summary),
  },
  {
    name: 'inspect',
    summary: 'take a presigned URL apart; the signature is never shown',
    load: async (summary) => (await import('./commands/inspect.ts')).inspectCommand(summary),
  },
  {
    name: 'replay',
    summary: 'publish again what was published before: for everyone, or for one consumer',
    load: async (summary) => (await import('./commands/replay.ts')).replayCommand(summary),
  },
  {
    name: 'dlq',
    summary: 'list, show, redrive or purge what lies in a dead-letter queue',
    load: async (summary) => (await import('./commands/dlq.ts')).dlqCommand(summary),
  },
  {
    name: 'sweep',
    summary: 'publish what dead publishers left in their outbox, report what they did not finish',
    load: async (summary) => (await import('./commands/sweep.ts')).sweepCommand(summary),
  },
  {
    name: 'revoke',
    summary: 'kill every URL and claim check of a payload, or bring them back',
    load: async (summary) => (await import('./commands/revoke.ts')).revokeCommand(summary),
  },
  {
    name: 'erase',
    summary: 'delete every version of a payload, for good',
    load: async (summary) => (await import('./commands/erase.ts')).eraseCommand(summary),
  },
  {
    name: 'url-service',
    summary: 'run the URL service alone: claim checks in, fresh GET URLs out',
    load: async (summary) => (await import('./commands/url-service.ts')).urlServiceCommand(summary),
  },
];

/**
 * The whole command line, with the options of the one command that is asked for; the others are there by name.
 * Errors are thrown, never an exit: `main.ts` maps them to exit codes.
 * @param args the arguments, without node and script
 */
export async function createProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('waybill')
    .description(
      'Hand large files between systems on AWS: small events, short-lived URLs, verified downloads.',
    )
    .version(packageVersion())
    .configureHelp({ subcommandTerm: (each) => each.name() })
    .addHelpText(
      'after',
      '\nStart here:\n  $ waybill demo\n  $ waybill up   # then, in another shell: . ./.waybill.env',
    );
  // `waybill publish …` and `waybill help publish` alike.
  const wanted = args[0] === 'help' ? args[1] : args[0];
  for (const { name, summary, load } of COMMANDS) {
    program.addCommand(name === wanted ? await load(summary) : new Command(name).summary(summary));
  }
  throwInsteadOfExit(program);
  return program;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride().showSuggestionAfterError();
  for (const child of command.commands) throwInsteadOfExit(child);
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }).version;
}
