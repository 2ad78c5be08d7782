import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { parseSeed, type Seed } from '../../local/index.ts';
import { command, runWith } from '../command.ts';
import { checkedAsync, UsageError } from '../errors.ts';
import { environmentFile, LOCAL_NAMES, startExchange, writePrivateFile } from '../stack.ts';
import { durationSeconds, wholeNumber } from '../values.ts';

interface UpOptions {
  readonly port: number;
  readonly urlServicePort: number;
  readonly dir: string;
  readonly writeEnv: string;
  readonly urlTtl: number;
  readonly seed?: string;
}

/** `waybill up`: the embedded stack, with everything an exchange needs. */
export function upCommand(summary: string): Command {
  return command(
    'up',
    summary,
    [
      'waybill up',
      'waybill up --port 0 --dir /tmp/exchange --write-env /tmp/exchange.env',
      'waybill up --seed topology.json',
      '. ./.waybill.env && waybill publish report.pdf --type report.made --source reports',
    ],
    'warn',
  )
    .option('--port <port>', 'port of S3, SQS and EventBridge; 0 for any', wholeNumber(0, 65_535), 4600)
    .option('--url-service-port <port>', 'port of the URL service; 0 for any', wholeNumber(0, 65_535), 4601)
    .option('--dir <dir>', 'where objects, messages, keys and rules are kept', '.waybill')
    .option(
      '--seed <file>',
      'JSON of what to have besides: region, identities, buckets, queues, buses, rules, archives',
    )
    .option('--write-env <file>', 'where the variables to source are written (mode 0600)', '.waybill.env')
    .option('--url-ttl <duration>', 'life of the URLs that the URL service gives', durationSeconds, 900)
    .action((options: UpOptions) =>
      runWith(options, async ({ out, logger, signal }) => {
        const seed = options.seed === undefined ? {} : await readSeed(options.seed);
        const starting = startExchange({
          dir: options.dir,
          port: options.port,
          urlServicePort: options.urlServicePort,
          urlTtlSeconds: options.urlTtl,
          seed,
          logger,
        });
        await using exchange = await checkedAsync(starting);
        const envFile = resolve(options.writeEnv);
        await writePrivateFile(envFile, environmentFile(exchange.variables));
        const { local, urlService } = exchange;
        out.say(`S3, SQS, EventBridge  ${local.endpoint}`);
        out.say(`URL service           ${urlService.url}`);
        out.say(
          `bucket ${LOCAL_NAMES.bucket}, bus ${LOCAL_NAMES.bus}, queue ${LOCAL_NAMES.queue}, DLQ ${LOCAL_NAMES.deadLetterQueue}`,
        );
        out.say(`kept in ${local.dir}`);
        out.say(`\nIn another shell:  . ${envFile}\nCtrl-C stops it.`);
        out.emit({
          type: 'up',
          endpoint: local.endpoint,
          urlService: urlService.url,
          dir: local.dir,
          envFile,
        });
        if (!signal.aborted) await once(signal, 'abort');
      }),
    );
}

async function readSeed(path: string): Promise<Seed> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new UsageError(`--seed ${path}: cannot be read (${code})`, { cause: error });
  }
  try {
    return parseSeed(text);
  } catch (error) {
    if (error instanceof TypeError)
      throw new UsageError(`--seed ${path}: ${error.message}`, { cause: error });
    throw error;
  }
}
