import type { Command } from 'commander';
import { z } from 'zod';
import { createWorker, RetryLater, type HandlerContext } from '../../consumers/index.ts';
import { createClaimCheckVerifier, parseProducerKeys } from '../../shared/claim-check.ts';
import { command, runWith } from '../command.ts';
import { proxyOf, readTextFile, regionOf, required, storesOf } from '../environment.ts';
import { checked, checkedAsync } from '../errors.ts';
import { idempotencyOf } from '../idempotency.ts';
import { urlSourceOf } from '../url-source.ts';
import { showWorker } from '../worker-progress.ts';
import { durationMs, durationSeconds, sizeBytes, wholeNumber } from '../values.ts';

interface ConsumeOptions {
  readonly out: string;
  readonly max?: number;
  readonly idleExit?: number;
  readonly queue?: string;
  readonly dlq?: string;
  readonly stores?: string;
  readonly urlService?: string;
  readonly producerKeys?: string;
  readonly consumer?: string;
  readonly control?: string;
  readonly idempotency: boolean;
  readonly concurrency: number;
  readonly connections: number;
  readonly visibility: number;
  readonly maxSize?: number;
  readonly region?: string;
  readonly healthPort?: number;
}

/** `waybill consume`: a worker that saves every event and its files. */
export function consumeCommand(summary: string): Command {
  return command('consume', summary, [
    'waybill consume --out received',
    'waybill consume --out received --max 1',
    'waybill consume --out received --idle-exit 5s --json',
  ])
    .requiredOption('--out <dir>', 'writes DIR/<event id>/files/<name> and DIR/<event id>/event.json')
    .option('--max <n>', 'stop after this many events', wholeNumber(1, 1_000_000_000))
    .option('--idle-exit <duration>', 'stop when nothing came for this long', durationMs)
    .option('--queue <url>', 'queue (WAYBILL_QUEUE)')
    .option('--dlq <url>', "dead-letter queue (WAYBILL_DLQ; default: the queue's own)")
    .option('--stores <json|file>', 'stores by logical name (WAYBILL_STORES)')
    .option('--url-service <url>', 'URL service (WAYBILL_URL_SERVICE); without one, own credentials sign')
    .option(
      '--producer-keys <file>',
      "producers' public keys (WAYBILL_PRODUCER_KEYS): refuse forged claim checks",
    )
    .option('--consumer <name>', "this consumer's name; replays for others are left alone")
    .option(
      '--control <json|file>',
      'control bucket (WAYBILL_CONTROL); with --consumer, what was saved is remembered there instead of under --out',
    )
    .option('--no-idempotency', 'save an event again whenever it comes')
    .option('--concurrency <n>', 'events in work at once', wholeNumber(1, 1000), 4)
    .option('--connections <n>', 'parallel ranges of one file', wholeNumber(1, 32), 8)
    .option('--visibility <duration>', 'visibility timeout, extended while work goes on', durationSeconds, 60)
    .option('--max-size <size>', 'largest attachment accepted', sizeBytes)
    .option('--region <region>', 'region of queue and URL service (AWS_REGION)')
    .option(
      '--health-port <port>',
      'serve /healthz, /readyz and /metrics (Prometheus) on 127.0.0.1',
      wholeNumber(1, 65_535),
    )
    .action((options: ConsumeOptions) =>
      runWith(options, async ({ env, out, logger, signal }) => {
        const stores = storesOf(env, options.stores);
        const dlq = options.dlq ?? env.WAYBILL_DLQ;
        const keysPath = options.producerKeys ?? env.WAYBILL_PRODUCER_KEYS;
        const limit = options.max ?? Number.POSITIVE_INFINITY;
        const show = showWorker(out);
        const remembered = idempotencyOf(env, options, logger);
        let lastMs = performance.now();
        let active = 0;
        let saved = 0;
        let receiveError: string | undefined;
        const save = async (
          event: { id: string; type: string; source: string },
          context: HandlerContext,
        ): Promise<void> => {
          const files = await context.saveAll(options.out);
          out.say(
            `saved ${event.type} ${event.id}: ${files.length} ${files.length === 1 ? 'file' : 'files'}`,
          );
          out.emit({
            type: 'saved',
            eventId: event.id,
            eventType: event.type,
            source: event.source,
            files: files.map(({ path, attachment, result }) => ({
              path,
              attachmentId: attachment.id,
              ...result,
            })),
          });
        };
        const worker = checked(() =>
          createWorker({
            queueUrl: required(options.queue ?? env.WAYBILL_QUEUE, '--queue', 'WAYBILL_QUEUE'),
            stores,
            urlSource: urlSourceOf(env, stores, options),
            events: { '*': z.looseObject({}) },
            sqs: {
              region: regionOf(env, options.region),
              ...(env.AWS_ENDPOINT_URL === undefined ? {} : { endpoint: env.AWS_ENDPOINT_URL }),
            },
            concurrency: Math.min(options.concurrency, limit),
            visibilityTimeoutSeconds: options.visibility,
            download: { connections: options.connections, ...proxyOf(env) },
            logger,
            ...(options.healthPort === undefined ? {} : { health: { port: options.healthPort } }),
            ...(options.maxSize === undefined ? {} : { maxAttachmentBytes: options.maxSize }),
            ...(remembered.idempotency === undefined ? {} : { idempotency: remembered.idempotency }),
            ...(options.consumer === undefined ? {} : { consumer: options.consumer }),
            ...(dlq === undefined ? {} : { deadLetterQueueUrl: dlq }),
            ...(keysPath === undefined
              ? {}
              : {
                  claimCheckVerifier: createClaimCheckVerifier({
                    keys: parseProducerKeys(readTextFile('--producer-keys', keysPath)),
                  }),
                }),
            onEvent: (event) => {
              if (event.kind === 'receive-failed') receiveError = event.reason;
              else lastMs = performance.now();
              show(event);
            },
            handler: async (event, context) => {
              // A long poll may bring more than --max still wants: those are for another run.
              if (saved + active >= limit)
                throw new RetryLater('not wanted: --max is reached', { delaySeconds: 1 });
              active++;
              try {
                await save(event, context);
                saved++;
              } finally {
                active--;
              }
              if (saved >= limit) void worker.stop();
            },
          }),
        );
        const onAbort = (): void => void worker.stop();
        signal.addEventListener('abort', onAbort, { once: true });
        const { idleExit } = options;
        const idle =
          idleExit === undefined
            ? undefined
            : setInterval(() => {
                if (worker.stats.inFlight === 0 && performance.now() - lastMs >= idleExit) void worker.stop();
              }, 100);
        try {
          const stats = await checkedAsync(worker.done);
          out.say(
            `stopped: ${stats.succeeded} saved, ${stats.duplicates} saved before, ${stats.rejected} rejected, ${stats.retried + stats.unavailable} to be tried again`,
          );
          out.emit({ type: 'stopped', stats });
          if (receiveError !== undefined && stats.received === 0)
            throw new Error(`nothing could be received: ${receiveError}`);
        } finally {
          clearInterval(idle);
          remembered.close();
          signal.removeEventListener('abort', onAbort);
        }
      }),
    );
}
