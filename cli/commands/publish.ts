import { Option, type Command } from 'commander';
import { createPublisher, type Publisher } from '../../producers/index.ts';
import { createClaimCheckSigner, parseSigningKey } from '../../shared/claim-check.ts';
import { command, runWith } from '../command.ts';
import {
  deliveryOf,
  jsonOrFile,
  optionalControlOf,
  readTextFile,
  regionOf,
  required,
  storesOf,
} from '../environment.ts';
import { checked, checkedAsync, UsageError } from '../errors.ts';
import { collectFiles } from '../files.ts';
import type { Output, ProgressBar } from '../output.ts';
import { durationSeconds, formatBytes, formatMs } from '../values.ts';

interface PublishOptions {
  readonly type: string;
  readonly source?: string;
  readonly subject?: string;
  readonly data?: string;
  readonly id?: string;
  readonly url: boolean;
  readonly urlTtl: number;
  readonly stores?: string;
  readonly store?: string;
  readonly bus?: string;
  readonly signingKey?: string;
  readonly control?: string;
  readonly durability?: 'outbox' | 'none';
  readonly delivery?: string;
  readonly region?: string;
}

/** `waybill publish`: uploads files and publishes one event that names them. */
export function publishCommand(summary: string): Command {
  return command('publish', summary, [
    'waybill publish report.pdf --type report.made --source reports',
    `waybill publish scans/ --type claim.document.added --source portal --data '{"claim": 4711}'`,
    'waybill publish big.bin --type file.ready --source lab --url-ttl 1h --json',
  ])
    .argument('<path...>', 'files, or directories whose files keep their relative paths as names')
    .requiredOption('--type <type>', 'event type, EventBridge DetailType')
    .option('--source <source>', "event source, EventBridge Source (default: the signing key's issuer)")
    .option('--subject <subject>', 'what the event is about')
    .option('--data <json|file>', "the event's own data: a JSON object, or a file that holds one")
    .option('--id <uuid>', 'event id (UUIDv7) to publish under; default a new one')
    .option('--url-ttl <duration>', 'life of the GET URLs in the event, 1s to 7d', durationSeconds, 900)
    .option('--no-url', 'publish without URLs: consumers redeem the claim checks')
    .option('--stores <json|file>', 'stores by logical name (WAYBILL_STORES)')
    .option('--store <name>', 'store to upload to (WAYBILL_STORE; default the only one)')
    .option('--bus <name>', 'event bus (WAYBILL_BUS)')
    .option('--signing-key <file>', 'key that signs claim checks (WAYBILL_SIGNING_KEY)')
    .option('--control <json|file>', 'control bucket for intents, outbox and ledger (WAYBILL_CONTROL)')
    .addOption(
      new Option(
        '--durability <kind>',
        'what survives a crash; default outbox with a control bucket',
      ).choices(['outbox', 'none']),
    )
    .option(
      '--delivery <json|file>',
      'days that events may be on their way, where not the longest: {"queueDays": 4, "replayDays": 7} (WAYBILL_DELIVERY)',
    )
    .option('--region <region>', 'region of the bus (AWS_REGION)')
    .action((paths: string[], options: PublishOptions) =>
      runWith(options, async ({ env, out, logger, signal }) => {
        const data = options.data === undefined ? {} : jsonOrFile('--data', options.data);
        if (typeof data !== 'object' || data === null || Array.isArray(data)) {
          throw new UsageError('--data: expected a JSON object');
        }
        const delivery = deliveryOf(env, options.delivery);
        const keyPath = required(
          options.signingKey ?? env.WAYBILL_SIGNING_KEY,
          '--signing-key',
          'WAYBILL_SIGNING_KEY',
        );
        const key = checked(() => parseSigningKey(readTextFile('--signing-key', keyPath)));
        const store = options.store ?? env.WAYBILL_STORE;
        const files = await collectFiles(paths);
        await using publisher: Publisher = checked(() =>
          createPublisher({
            producer: key.issuer,
            stores: storesOf(env, options.stores),
            bus: required(options.bus ?? env.WAYBILL_BUS, '--bus', 'WAYBILL_BUS'),
            region: regionOf(env, options.region),
            signer: createClaimCheckSigner(key),
            urlTtlSeconds: options.url ? options.urlTtl : 0,
            logger,
            ...optionalControlOf(env, options.control),
            ...delivery,
            ...(options.durability === undefined ? {} : { durability: options.durability }),
            ...(store === undefined ? {} : { store }),
            ...(env.AWS_ENDPOINT_URL === undefined ? {} : { endpoint: env.AWS_ENDPOINT_URL }),
          }),
        );
        const startedMs = performance.now();
        const progress = uploadProgress(out);
        const published = await checkedAsync(
          publisher.publish({
            type: options.type,
            data,
            attachments: files.map(({ path, name }) => ({ path, name })),
            signal,
            onProgress: progress,
            ...(options.source === undefined ? {} : { source: options.source }),
            ...(options.subject === undefined ? {} : { subject: options.subject }),
            ...(options.id === undefined ? {} : { id: options.id }),
          }),
        );
        const { event } = published;
        if (published.alreadyPublished) out.say(`${event.id} was published before, nothing was done`);
        const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        out.say(
          `published ${event.type} ${event.id}: ${files.length} ${files.length === 1 ? 'file' : 'files'}, ` +
            `${formatBytes(total)} in ${formatMs(performance.now() - startedMs)}`,
        );
        if (published.droppedAccess)
          out.say('the event was too large for URLs; consumers redeem the claim checks');
        if (published.viaManifest) out.say('the list of attachments went into a manifest object');
        out.emit({
          type: 'published',
          eventId: event.id,
          eventType: event.type,
          source: event.source,
          viaManifest: published.viaManifest,
          droppedAccess: published.droppedAccess,
          alreadyPublished: published.alreadyPublished,
          attachments: event.data.attachments.map(({ id, name, size, digest, key, versionId }) => ({
            id,
            name,
            size,
            digest,
            key,
            versionId,
          })),
        });
        out.result(event.id);
      }),
    );
}

function uploadProgress(
  out: Output,
): (progress: { attachmentId: string; name: string; uploadedBytes: number; totalBytes?: number }) => void {
  const bars = new Map<string, ProgressBar>();
  return ({ attachmentId, name, uploadedBytes, totalBytes = 0 }) => {
    let bar = bars.get(attachmentId);
    if (bar === undefined) {
      bar = out.bar(name, totalBytes);
      bars.set(attachmentId, bar);
    }
    if (uploadedBytes >= totalBytes) bar.done();
    else bar.update(uploadedBytes);
  };
}
