import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { parseSeed } from '../../local/index.ts';
import { parseUploadPolicy } from '../../producers/index.ts';
import { command, runWith, type Context } from '../command.ts';
import { checkedAsync, UsageError } from '../errors.ts';
import { readJson, readTemplate } from '../json-file.ts';
import { writePrivateFile } from '../kept-file.ts';
import { environmentFile, LOCAL_NAMES, startExchange } from '../stack.ts';
import { startTemplateExchange } from '../template-exchange.ts';
import { durationSeconds, wholeNumber } from '../values.ts';

interface UpOptions {
  readonly port: number;
  readonly urlServicePort: number;
  readonly uploadPort: number;
  readonly uploadPolicy?: string;
  readonly origin: readonly string[];
  readonly dir: string;
  readonly writeEnv: string;
  readonly urlTtl: number;
  readonly page: boolean;
  readonly seed?: string;
  readonly template?: string;
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
      'waybill up --template cdk.out/Waybill.template.json',
      '. ./.waybill.env && waybill publish report.pdf --type report.made --source reports',
    ],
    'warn',
  )
    .option('--port <port>', 'port of S3, SQS and EventBridge; 0 for any', wholeNumber(0, 65_535), 4600)
    .option('--url-service-port <port>', 'port of the URL service; 0 for any', wholeNumber(0, 65_535), 4601)
    .option('--upload-port <port>', 'port of the upload service; 0 for any', wholeNumber(0, 65_535), 4602)
    .option(
      '--upload-policy <file>',
      'JSON of what may be uploaded from outside; default images, videos, and documents of any kind',
    )
    .option('--origin <origin>', 'origin whose pages may upload, may be repeated', collectOrigin, [])
    .option('--dir <dir>', 'where objects, messages, keys and rules are kept', '.waybill')
    .option(
      '--seed <file>',
      'JSON of what to have besides: region, identities, buckets, queues, buses, rules, archives',
    )
    .option(
      '--template <file>',
      'a synthesized template: run what it describes, its policies enforced, with credentials for each of its roles',
    )
    .option('--write-env <file>', 'where the variables to source are written (mode 0600)', '.waybill.env')
    .option('--url-ttl <duration>', 'life of the URLs that the URL service gives', durationSeconds, 900)
    .option('--no-page', 'do not serve the page to upload by and to watch the exchange')
    .action((options: UpOptions) =>
      runWith(options, async (context) => {
        const { template } = options;
        if (template !== undefined) return await runTemplate(context, options, template);
        const { out, logger, signal } = context;
        const seed = options.seed === undefined ? {} : await readJson('--seed', options.seed, parseSeed);
        const uploadPolicy =
          options.uploadPolicy === undefined
            ? undefined
            : await readJson('--upload-policy', options.uploadPolicy, parseUploadPolicy);
        const starting = startExchange({
          dir: options.dir,
          port: options.port,
          urlServicePort: options.urlServicePort,
          uploadPort: options.uploadPort,
          uploadPolicy,
          origins: options.origin,
          urlTtlSeconds: options.urlTtl,
          seed,
          page: options.page,
          logger,
        });
        await using exchange = await checkedAsync(starting);
        const envFile = resolve(options.writeEnv);
        await writePrivateFile(envFile, environmentFile(exchange.variables));
        const { local, urlService, uploads } = exchange;
        out.say(`S3, SQS, EventBridge  ${local.endpoint}`);
        out.say(`URL service           ${urlService.url}`);
        out.say(
          `upload service        ${uploads.server.url}${options.page ? '  (open it in a browser)' : ''}`,
        );
        out.say(
          `bucket ${LOCAL_NAMES.bucket}, bus ${LOCAL_NAMES.bus}, queue ${LOCAL_NAMES.queue}, DLQ ${LOCAL_NAMES.deadLetterQueue}`,
        );
        out.say(`kept in ${local.dir}`);
        out.say(`\nIn another shell:  . ${envFile}\nCtrl-C stops it.`);
        out.emit({
          type: 'up',
          endpoint: local.endpoint,
          urlService: urlService.url,
          uploads: uploads.server.url,
          dir: local.dir,
          envFile,
        });
        if (!signal.aborted) await once(signal, 'abort');
      }),
    );
}

/** The exchange of a template; the variables of each role go into a file of their own. */
async function runTemplate({ out, signal }: Context, options: UpOptions, template: string): Promise<void> {
  if (options.seed !== undefined) throw new UsageError('--seed: expected none with --template');
  const starting = startTemplateExchange({
    template: await readTemplate('--template', template),
    dir: options.dir,
    port: options.port,
    urlServicePort: options.urlServicePort,
  });
  await using exchange = await checkedAsync(starting);
  const { local, urlService, roles, left } = exchange;
  out.say(`S3, SQS, EventBridge  ${local.endpoint}`);
  out.say(`URL service           ${urlService}`);
  out.say(`kept in ${local.dir}`);
  out.say('\nThe policies of the template hold. Be one of its roles, in another shell:');
  const envFiles: Record<string, string> = {};
  for (const [name, variables] of roles) {
    const envFile = join(local.dir, 'env', `${name}.env`);
    await writePrivateFile(envFile, environmentFile(variables));
    envFiles[name] = envFile;
    out.say(`  . ${envFile}`);
  }
  for (const what of left) out.say(`not run here: ${what}`);
  out.emit({ type: 'up', endpoint: local.endpoint, urlService, dir: local.dir, envFiles, left });
  if (!signal.aborted) await once(signal, 'abort');
}

function collectOrigin(value: string, before: readonly string[]): readonly string[] {
  if (URL.canParse(value) && new URL(value).origin === value) return [...before, value];
  throw new InvalidArgumentError('expected an origin such as https://app.example.com');
}
