import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { createWorker, type SavedFile } from '../../consumers/index.ts';
import { createPublisher } from '../../producers/index.ts';
import type { Attachment } from '../../shared/events/index.ts';
import { command, runWith, type Context } from '../command.ts';
import { startDemoExchange, startTemplateDemo, type DemoExchange } from '../demo-exchange.ts';
import { checkedAsync, UsageError } from '../errors.ts';
import { collectFiles, type NamedFile } from '../files.ts';
import { openInBrowser } from '../open-in-browser.ts';
import { packageFile } from '../package-file.ts';
import { readTemplate } from '../json-file.ts';
import { formatBytes, formatMs } from '../values.ts';
import { showDownloads } from '../worker-progress.ts';

/** Life of every URL in the demo, in seconds. */
const URL_TTL_SECONDS = 2;
/** When the first bodies of a file are cut, after their first byte: the URL has expired by then. */
const CUT_AFTER_MS = 2600;
/** How long the first body of a file would take if it were not cut. */
const FIRST_BODY_MS = 4000;
const PART_BYTES = 8 * 1024 ** 2;
const CONNECTIONS = 4;

interface DemoOptions {
  readonly open?: boolean;
  readonly dir?: string;
  readonly template?: string;
}

/** `waybill demo`: the main job, with everything that goes wrong in it on purpose. */
export function demoCommand(summary: string): Command {
  return command('demo', summary, [
    'waybill demo',
    'waybill demo movie.mp4 scans/',
    'waybill demo --open',
    'waybill demo --template cdk.out/Waybill.template.json',
  ])
    .argument(
      '[path...]',
      "files or directories; default this machine's node executable and Waybill's README.md",
    )
    .option(
      '--dir <dir>',
      'keep the stack and the received files here; default a temporary directory, removed',
    )
    .option(
      '--template <file>',
      "a synthesized template: its exchange, with its policies enforced, instead of the demo's own",
    )
    .option('--open', 'watch it in the browser, and go on until Ctrl-C')
    .action((paths: string[], options: DemoOptions) =>
      runWith(options, async (context) => {
        const files = await collectFiles(
          paths.length > 0 ? paths : [process.execPath, packageFile('README.md')],
        );
        const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'waybill-demo-')));
        try {
          await runDemo(context, files, dir, options);
        } finally {
          if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
        }
      }),
    );
}

async function runDemo(
  context: Context,
  files: readonly NamedFile[],
  dir: string,
  { template, open = false }: DemoOptions,
): Promise<void> {
  const { out, logger, signal } = context;
  const startedMs = performance.now();
  if (open && template !== undefined) throw new UsageError('--open: not with --template, which has no page');
  const settings = { dir, urlTtlSeconds: URL_TTL_SECONDS, logger };
  const starting =
    template === undefined
      ? startDemoExchange({ ...settings, page: open })
      : startTemplateDemo(await readTemplate('--template', template), settings);
  await using exchange = await checkedAsync(starting);
  out.say(
    `S3, EventBridge, SQS and the URL service run at ${exchange.local.endpoint}; URLs live ${URL_TTL_SECONDS} s.\n`,
  );
  if (exchange.pageUrl !== undefined) await showPage(context, exchange.pageUrl);
  const attachments = await publishFiles(context, exchange, files);
  spoilTheNetwork(exchange, attachments);
  out.say(
    '\nA worker receives the event. The network throttles, and cuts each body after its URL has expired:',
  );
  const saved = await receive(context, exchange, join(dir, 'received'));
  signal.throwIfAborted();
  await report(context, files, saved, performance.now() - startedMs);
  if (!open) return;
  out.say('\nThe page goes on, for uploads too. Ctrl-C stops it.');
  if (!signal.aborted) await once(signal, 'abort');
}

async function showPage({ out }: Context, url: string): Promise<void> {
  const opened = await openInBrowser(url);
  out.say(opened ? `The page: ${url}\n` : `No browser here. Open it yourself: ${url}\n`);
  out.emit({ type: 'page', url, opened });
}

async function publishFiles(
  { out, logger, signal }: Context,
  exchange: DemoExchange,
  files: readonly NamedFile[],
): Promise<readonly Attachment[]> {
  await using publisher = createPublisher({ ...exchange.publisher, logger });
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  out.say(
    `Uploads ${files.length} ${files.length === 1 ? 'file' : 'files'}, ${formatBytes(total)}, to S3 and publishes one event:`,
  );
  const { event, uploads } = await publisher.publish({
    type: exchange.type,
    attachments: files.map(({ path, name }) => ({ path, name })),
    signal,
  });
  const sent = uploads.reduce((sum, { parts }) => sum + parts, 0);
  out.say(`  event ${event.id}, ${sent} parts, each verified by S3`);
  return event.data.attachments;
}

/** The first bodies of every file flow slowly and are cut once their URL has expired; the later ones are slow only. */
function spoilTheNetwork({ local }: DemoExchange, attachments: readonly Attachment[]): void {
  for (const { key, size } of attachments) {
    const match = { service: 's3', operation: 'GetObject', key } as const;
    const bodies = size < 2 * PART_BYTES ? 1 : Math.min(CONNECTIONS, Math.ceil(size / PART_BYTES));
    const bodyBytes = bodies === 1 ? size : PART_BYTES;
    const slow = Math.max(1, Math.floor(bodyBytes / (FIRST_BODY_MS / 1000)));
    local.faults.add({
      match,
      times: bodies,
      faults: [
        { kind: 'throttle', bytesPerSecond: slow },
        { kind: 'cut', afterMs: CUT_AFTER_MS },
      ],
    });
    local.faults.add({
      match,
      skip: bodies,
      times: Infinity,
      faults: { kind: 'throttle', bytesPerSecond: 10_000_000 },
    });
  }
}

async function receive(
  { out, logger, signal }: Context,
  exchange: DemoExchange,
  dir: string,
): Promise<readonly SavedFile[]> {
  const show = showDownloads(out);
  let saved: readonly SavedFile[] = [];
  await using worker = createWorker({
    ...exchange.worker,
    events: { [exchange.type]: z.object({}) },
    download: {
      earlyRefetch: false,
      connections: CONNECTIONS,
      partSizeBytes: PART_BYTES,
      singleGetBelowBytes: 2 * PART_BYTES,
    },
    concurrency: 1,
    logger,
    signal,
    onEvent: show,
    handler: async (_event, { saveAll }) => {
      saved = await saveAll(dir);
      void worker.stop();
    },
  });
  await worker.done;
  return saved;
}

/** Compares what was sent with what arrived: both files are read and hashed here, whatever the exchange says. */
async function report(
  { out }: Context,
  files: readonly NamedFile[],
  saved: readonly SavedFile[],
  tookMs: number,
): Promise<void> {
  out.say('\nWhat arrived, read back from both ends:');
  let wrong = files.length - saved.length;
  for (const [index, file] of files.entries()) {
    const received = saved[index];
    if (received === undefined) continue;
    const { result } = received;
    const [source, target] = [await sha256(file.path), await sha256(received.path)];
    const identical = source === target;
    if (!identical) wrong++;
    out.say(`  ${file.name}, ${formatBytes(file.sizeBytes)}`);
    out.say(`    sent      sha-256 ${source}`);
    out.say(`    received  sha-256 ${target}  ${identical ? 'identical' : 'DIFFERENT'}`);
    out.say(
      `    ${result.refetches} ${result.refetches === 1 ? 'refetch' : 'refetches'}, resumed at ${result.resumedAtBytes.length === 0 ? 'no byte' : `bytes ${result.resumedAtBytes.join(', ')}`}, ` +
        `${result.repeatedBytes} bytes fetched twice`,
    );
    out.emit({
      type: 'demo-file',
      name: file.name,
      sizeBytes: file.sizeBytes,
      sentSha256: source,
      receivedSha256: target,
      identical,
      refetches: result.refetches,
      resumedAtBytes: result.resumedAtBytes,
      fetchedBytes: result.fetchedBytes,
      repeatedBytes: result.repeatedBytes,
    });
  }
  if (wrong > 0) throw new Error(`${wrong} of ${files.length} files did not arrive as they were sent`);
  out.say(`\nAll ${files.length} identical, in ${formatMs(tookMs)}.`);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 ** 2 }), hash);
  return hash.digest('hex');
}
