import { readFile, stat } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import {
  download,
  downloadUrl,
  safeRelativePath,
  saveEvent,
  type DownloadEvent,
  type DownloadResult,
} from '../../consumers/index.ts';
import { formatDigest, parseDigest } from '../../shared/digest.ts';
import { parseEvent, type WaybillEvent } from '../../shared/events/index.ts';
import { SecretUrl } from '../../shared/secret.ts';
import { command, runWith, type Context } from '../command.ts';
import { downloadProgress } from '../download-progress.ts';
import { proxyOf, storesOf } from '../environment.ts';
import { checked, checkedAsync, UsageError } from '../errors.ts';
import { urlSourceOf } from '../url-source.ts';
import { formatBytes, formatMs, wholeNumber } from '../values.ts';

interface FetchOptions {
  readonly out?: string;
  readonly digest?: string;
  readonly connections: number;
  readonly stores?: string;
  readonly urlService?: string;
  readonly region?: string;
}

/** `waybill fetch`: one download without a worker. */
export function fetchCommand(summary: string): Command {
  return command('fetch', summary, [
    'waybill fetch received/<event id>/event.json --out again/',
    'waybill fetch event.json --out report.pdf       # an event with one attachment',
    "waybill fetch 'https://…?X-Amz-…' --out file.bin --digest sha-256=:BASE64:",
    'pbpaste | waybill fetch - --out file.bin        # keeps the URL out of the shell history',
  ])
    .argument('<event.json|url>', 'an event file, a presigned URL, or - to read a URL from standard input')
    .option('--out <path>', 'a file, or a directory; default the current directory')
    .option('--digest <digest>', 'SHA-256 expected of a URL: sha-256=:BASE64:, or hexadecimal')
    .option('--connections <n>', 'parallel ranges', wholeNumber(1, 32), 8)
    .option('--stores <json|file>', 'stores by logical name (WAYBILL_STORES)')
    .option('--url-service <url>', 'URL service (WAYBILL_URL_SERVICE); without one, own credentials sign')
    .option('--region <region>', 'region of the URL service (AWS_REGION)')
    .action((what: string, options: FetchOptions) =>
      runWith(options, async (context) => {
        const startedMs = performance.now();
        const isUrl = what === '-' || /^https?:\/\//i.test(what);
        const results = isUrl
          ? await fetchUrl(context, what, options)
          : await fetchEvent(context, what, options);
        for (const { path, result } of results) {
          context.out.emit({ type: 'fetched', path, ...result });
          context.out.result(path);
        }
        const bytes = results.reduce((sum, { result }) => sum + result.sizeBytes, 0);
        context.out.say(`fetched ${formatBytes(bytes)} in ${formatMs(performance.now() - startedMs)}`);
      }),
    );
}

interface Fetched {
  readonly path: string;
  readonly result: DownloadResult;
}

async function fetchUrl(
  { env, out, logger, signal }: Context,
  argument: string,
  options: FetchOptions,
): Promise<Fetched[]> {
  const href = argument === '-' ? (await readAll(process.stdin)).trim() : argument;
  if (!URL.canParse(href)) throw new UsageError('url: expected an absolute http or https URL');
  const path = await targetFile(options.out, nameFrom(new URL(href).pathname));
  const result = await checkedAsync(
    downloadUrl(
      new SecretUrl(href),
      { path },
      {
        connections: options.connections,
        ...proxyOf(env),
        logger,
        signal,
        onEvent: downloadProgress(out, basename(path)),
        ...(options.digest === undefined ? {} : { digest: digestOf(options.digest) }),
      },
    ),
  );
  out.say(
    `  ${result.digest ?? ''}${result.verified.sha256 ? ' as given' : ' (not compared: no --digest given)'}`,
  );
  return [{ path, result }];
}

async function fetchEvent(context: Context, file: string, options: FetchOptions): Promise<Fetched[]> {
  const { env, out, logger, signal } = context;
  if (options.digest !== undefined)
    throw new UsageError('--digest: only with a URL; an event names its digests itself');
  const event = await readEvent(file);
  const stores = storesOf(env, options.stores);
  const common = {
    stores,
    urlSource: urlSourceOf(env, stores, options),
    connections: options.connections,
    ...proxyOf(env),
    logger,
    signal,
  };
  const [only, ...more] = event.data.attachments;
  if (only !== undefined && more.length === 0 && !(await isDirectory(options.out ?? '.'))) {
    const path = options.out ?? nameFrom(only.name);
    const result = await checkedAsync(
      download(only, { path }, { ...common, onEvent: downloadProgress(out, only.name) }),
    );
    return [{ path, result }];
  }
  const shows = new Map<string, (event: DownloadEvent) => void>();
  const saved = await checkedAsync(
    saveEvent(event, options.out ?? '.', {
      ...common,
      onDownload: (attachment, downloadEvent) => {
        const show = shows.get(attachment.id) ?? downloadProgress(out, attachment.name);
        shows.set(attachment.id, show);
        show(downloadEvent);
      },
    }),
  );
  return saved.map(({ path, result }) => ({ path, result }));
}

async function readEvent(file: string): Promise<WaybillEvent> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw new UsageError(
      `${JSON.stringify(file)}: cannot be read (${code}); expected an event file or a URL`,
    );
  }
  return checked(() => parseEvent(text));
}

/** A file name of our own making from a path of the sender's: no directory, nothing awkward. */
function nameFrom(path: string): string {
  const last = path.split('/').findLast((segment) => segment !== '') ?? 'download';
  let decoded = last;
  try {
    decoded = decodeURIComponent(last);
  } catch {
    // not percent-encoded: taken as it is
  }
  return safeRelativePath(basename(decoded).replaceAll(/^\.+/g, '_') || 'download');
}

/** A directory, or a path that says it wants to be one, gets the name from the URL. */
async function targetFile(out: string | undefined, name: string): Promise<string> {
  if (out === undefined) return name;
  return (await isDirectory(out)) ? join(out, name) : out;
}

async function isDirectory(path: string): Promise<boolean> {
  if (path.endsWith('/') || path.endsWith(sep)) return true;
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function digestOf(text: string): string {
  if (/^(sha-256=)?[0-9a-f]{64}$/i.test(text)) return formatDigest(Buffer.from(text.slice(-64), 'hex'));
  return checked(() => formatDigest(parseDigest(text)));
}
