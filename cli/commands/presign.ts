import { Command } from 'commander';
import { createUploadPresigner, type PresignedPostForm } from '../../producers/index.ts';
import { createGetPresigner } from '../../shared/presign.ts';
import { resolveStores, type Store } from '../../shared/stores.ts';
import { command, runWith, type Context } from '../command.ts';
import { regionOf, type Environment } from '../environment.ts';
import { checked, checkedAsync, UsageError } from '../errors.ts';
import { durationSeconds, formatMs, shellQuote, sizeBytes } from '../values.ts';

interface CommonPresignOptions {
  readonly expires: number;
  readonly region?: string;
  readonly endpointUrl?: string;
}

const EXPIRES = ['--expires <duration>', 'life of the URL, 1s to 7d', durationSeconds, 900] as const;

/** `waybill presign get|put|post`. */
export function presignCommand(summary: string): Command {
  const group = new Command('presign')
    .summary(summary)
    .description(
      'Sign a URL or a form for one object with your own credentials. What it prints is a secret.',
    );
  for (const each of [presignGet(), presignPut(), presignPost()]) group.addCommand(each);
  return group;
}

function presignGet(): Command {
  return withStore(
    command('get', 'sign a GET URL', [
      'waybill presign get s3://bucket/report.pdf --expires 1h',
      'curl -fsS "$(waybill presign get s3://bucket/report.pdf)" -o report.pdf',
    ]),
  )
    .option('--version-id <id>', 'this version only; default the newest at the time of the GET')
    .action((target: string, options: CommonPresignOptions & { versionId?: string }) =>
      runWith(options, async (context) => {
        const { store, key } = parseTarget(context.env, target, options);
        const presigner = createGetPresigner({ store });
        const access = await checkedAsync(
          presigner.presign({ key, versionId: options.versionId, ttlSeconds: options.expires }),
        );
        const url = access.url.reveal();
        show(context, access, [url], [`curl -fsS ${shellQuote(url)} -o ${shellQuote(baseName(key))}`], {
          method: 'GET',
          url,
        });
      }),
    );
}

function presignPut(): Command {
  return withStore(
    command('put', 'sign a PUT URL', [
      'waybill presign put s3://bucket/in/scan.pdf --content-type application/pdf --expires 10m',
    ]),
  )
    .option('--content-type <type>', 'the sender must send exactly this Content-Type')
    .option('--overwrite', 'allow the key to exist already; default it must not')
    .action((target: string, options: CommonPresignOptions & { contentType?: string; overwrite?: boolean }) =>
      runWith(options, async (context) => {
        const { store, key } = parseTarget(context.env, target, options);
        const put = await checkedAsync(
          createUploadPresigner({ store }).presignPut({
            key,
            ttlSeconds: options.expires,
            contentType: options.contentType,
            writeOnce: options.overwrite !== true,
          }),
        );
        const url = put.url.reveal();
        const headers = Object.entries(put.headers).map(
          ([name, value]) => `-H ${shellQuote(`${name}: ${value}`)} `,
        );
        const curl = `curl -fsS -T FILE ${headers.join('')}${shellQuote(url)}`;
        show(context, put, [url], [curl], { method: 'PUT', url, headers: put.headers });
      }),
    );
}

function presignPost(): Command {
  return withStore(
    command('post', 'sign an HTML form; S3 itself holds uploads to its conditions', [
      'waybill presign post s3://bucket/in/scan.pdf --max-size 10MB --content-type application/pdf',
      'waybill presign post s3://bucket --starts-with in/42/ --max-size 10MB > form.html',
    ]),
  )
    .option('--max-size <size>', 'largest upload', sizeBytes, 100_000_000)
    .option('--content-type <type>', 'the form must send exactly this Content-Type')
    .option('--starts-with <prefix>', 'any key with this beginning, in place of an exact one')
    .action(
      (
        target: string,
        options: CommonPresignOptions & { maxSize: number; contentType?: string; startsWith?: string },
      ) =>
        runWith(options, async (context) => {
          const { store, key } = parseTarget(context.env, target, options, options.startsWith !== undefined);
          const form = await checkedAsync(
            createUploadPresigner({ store }).presignPost({
              ...(options.startsWith === undefined ? { key } : { startsWith: options.startsWith }),
              maxSizeBytes: options.maxSize,
              ttlSeconds: options.expires,
              contentType: options.contentType,
            }),
          );
          const fields = Object.fromEntries(
            Object.entries(form.fields).map(([name, value]) => [name, value.reveal()]),
          );
          const curl = Object.entries(fields).map(([name, value]) => `-F ${shellQuote(`${name}=${value}`)} `);
          show(
            context,
            form,
            htmlForm(form.url, fields),
            [`curl -fsS ${curl.join('')}-F file=@FILE ${shellQuote(form.url)}`],
            {
              method: 'POST',
              url: form.url,
              fields,
            },
          );
        }),
    );
}

function withStore(presign: Command): Command {
  return presign
    .argument('<s3-url>', 's3://bucket/key')
    .option(...EXPIRES)
    .option('--region <region>', 'region of the bucket (AWS_REGION)')
    .option('--endpoint-url <url>', 'another S3 than AWS (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL)');
}

/** The bucket as a store, and the key. @throws {UsageError} */
function parseTarget(
  env: Environment,
  target: string,
  options: CommonPresignOptions,
  bucketOnly = false,
): { store: Store; key: string } {
  const match = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(target);
  const [bucket, key = ''] = [match?.[1], match?.[2]];
  if (bucket === undefined || (key === '') !== bucketOnly) {
    const expected = bucketOnly ? 's3://bucket (the key comes from --starts-with)' : 's3://bucket/key';
    throw new UsageError(`s3-url: got ${JSON.stringify(target)}, expected ${expected}`);
  }
  const endpoint = options.endpointUrl ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  const region = regionOf(env, options.region);
  const stores = checked(() =>
    resolveStores({ it: { bucket, region, ...(endpoint === undefined ? {} : { endpoint }) } }),
  );
  return { store: stores.get('it'), key };
}

/** The secret goes to stdout, whole: it was asked for. What helps people goes to stderr. */
function show(
  { out }: Context,
  dates: Pick<PresignedPostForm, 'expiresAt'>,
  result: readonly string[],
  help: readonly string[],
  record: object,
): void {
  const life = Date.parse(dates.expiresAt) - Date.now();
  if (out.json) {
    process.stdout.write(`${JSON.stringify({ type: 'presigned', ...record, expiresAt: dates.expiresAt })}\n`);
    return;
  }
  for (const line of result) out.result(line);
  process.stderr.write(`\n${help.join('\n')}\n\nexpires ${dates.expiresAt}, in ${formatMs(life)}\n`);
}

function htmlForm(action: string, fields: Readonly<Record<string, string>>): string[] {
  const escape = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return [
    `<form action="${escape(action)}" method="post" enctype="multipart/form-data">`,
    ...Object.entries(fields).map(
      ([name, value]) => `  <input type="hidden" name="${escape(name)}" value="${escape(value)}">`,
    ),
    '  <input type="file" name="file" required>',
    '  <button>Upload</button>',
    '</form>',
  ];
}

function baseName(key: string): string {
  return key.split('/').findLast(Boolean) ?? 'download';
}
