import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { Command } from 'commander';
import {
  eventsFromDeadLetters,
  eventsFromFile,
  eventsFromLedger,
  mintEventId,
  readReplayPlan,
  replay,
  type ReplayOptions,
  type ReplayPlan,
  type ReplayReport,
  type ReplaySource,
} from '../../producers/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { createRecords, type Records } from '../../shared/records/index.ts';
import { command, runWith, type Context } from '../command.ts';
import { openDeadLetterQueue } from '../dead-letter-queue.ts';
import { controlOf, readablePath, regionOf, required, storesOf, type Environment } from '../environment.ts';
import { checkedAsync, UsageError } from '../errors.ts';
import { collect, filterOf, ratePerSecond, withFilter } from '../event-filter.ts';
import { checkConsumer, runArchive } from '../replay-archive.ts';
import { checkFlags, type ReplayFlags } from '../replay-flags.ts';
import { progressOf, showFindings, showReport } from '../replay-output.ts';
import { durationSeconds, instant, wholeNumber } from '../values.ts';

/** `waybill replay`. */
export function replayCommand(summary: string): Command {
  return withFilter(
    command('replay', summary, [
      "waybill replay --from 2026-11-01 --to 2026-11-08 --type 'invoice.*' --consumer billing --dry-run",
      "waybill replay --from 2026-11-01 --to 2026-11-08 --type 'invoice.*' --consumer billing --rate 50/s",
      'waybill replay --resume 0197…-…',
      'waybill replay --from 24h --consumer billing --unhandled-only',
      'waybill replay --dlq --reason payload-gone --consumer billing --remove',
      'waybill replay --archive waybill-archive --from 2026-11-01 --to 2026-11-02 --rule waybill-billing',
      'waybill replay --file received/0197…-…/event.json --consumer billing --again',
    ]),
  )
    .option(
      '--from <time>',
      'published then or later: 2026-11-01, an RFC 3339 instant, or 7d for seven days ago',
      instant,
    )
    .option('--to <time>', 'published before; default now', instant)
    .option('--producer <name>', "of the ledger, this producer's events only")
    .option('--dlq [url]', "in place of the ledger, a dead-letter queue (WAYBILL_DLQ, or WAYBILL_QUEUE's)")
    .option('--remove', 'with --dlq: delete each message once the bus has its event')
    .option(
      '--archive <name>',
      'in place of the ledger, an EventBridge archive, replayed by EventBridge itself',
    )
    .option('--rule <name>', 'with --archive: to this rule only; may be repeated', collect)
    .option('--file <path>', 'in place of the ledger, events in a file: NDJSON, or an event.json')
    .option('--consumer <name>', 'for this consumer only; default everyone')
    .option('--unhandled-only', 'leave out what the consumer has handled, by its idempotency records')
    .option('--again', 'ask for another run also of what was handled')
    .option('--skip-gone', 'leave out events of which a payload is gone or revoked')
    .option('--dry-run', 'change nothing: count, and look at every payload')
    .option('--resume <replayid>', 'go on with a replay that ended early')
    .option('--rate <rate>', 'events a second, such as 50/s', ratePerSecond, 100)
    .option('--limit <n>', 'publish at most this many', wholeNumber(1, 1_000_000_000))
    .option('--no-url', 'publish without URLs: consumers redeem the claim checks')
    .option('--url-ttl <duration>', 'life of the fresh URLs, 1s to 7d', durationSeconds, 900)
    .option(
      '--stores <json|file>',
      'stores by logical name (WAYBILL_STORES): for URLs and the look at payloads',
    )
    .option(
      '--control <json|file>',
      'control bucket (WAYBILL_CONTROL): ledger, checkpoints, idempotency records',
    )
    .option('--bus <name>', 'event bus (WAYBILL_BUS)')
    .option('--region <region>', 'region of the bus (AWS_REGION)')
    .action((flags: ReplayFlags) =>
      runWith(flags, async (context) => {
        checkFlags(flags);
        const { env } = context;
        const eventBridge = new EventBridgeClient({ region: regionOf(env, flags.region), maxAttempts: 1 });
        try {
          if (flags.archive === undefined) await run(flags, eventBridge, context);
          else await runArchive(flags, flags.archive, eventBridge, context);
        } finally {
          eventBridge.destroy();
        }
      }),
    );
}

async function run(flags: ReplayFlags, eventBridge: EventBridgeClient, context: Context): Promise<void> {
  const { env, out, signal, logger } = context;
  const records = recordsOf(flags, context);
  const queue =
    flags.dlq === undefined
      ? undefined
      : await openDeadLetterQueue(env, queueFlags(flags, flags.dlq), logger);
  try {
    const request =
      flags.resume === undefined
        ? asked(flags, env, records, queue)
        : await planned(flags.resume, given(records), signal);
    if (request.consumer !== undefined)
      await checkConsumer(eventBridge, request.bus, request.consumer, context);
    const stores = flags.stores ?? env.WAYBILL_STORES;
    if (request.skipGone === true) required(stores, '--stores', 'WAYBILL_STORES');
    const replayId = request.replayId ?? mintEventId(systemClock);
    if (request.dryRun !== true) out.say(`replay ${replayId} for ${request.consumer ?? 'everyone'}`);
    if (stores === undefined)
      out.say(
        `no stores are configured: ${request.dryRun === true ? 'payloads are not looked at' : 'no URLs are signed'}`,
      );
    const show = progressOf(out, request.dryRun === true);
    const findings = showFindings(out);
    let report: ReplayReport;
    try {
      report = await checkedAsync(
        replay({
          ...request,
          replayId,
          eventBridge,
          signal,
          logger,
          ...(records === undefined ? {} : { records }),
          ...(stores === undefined ? {} : { stores: storesOf(env, flags.stores) }),
          urlTtlSeconds: flags.url ? flags.urlTtl : false,
          ratePerSecond: flags.rate,
          onProgress: show.update,
          onFinding: findings.show,
        }),
      );
    } catch (error) {
      const resumable = records !== undefined && request.source.resumable && request.dryRun !== true;
      if (resumable && !(error instanceof UsageError))
        out.say(`go on with: waybill replay --resume ${replayId}`);
      throw error;
    }
    show.done();
    showReport(report, findings.byProblem, out);
    if (report.failed > 0) throw new Error(`${report.failed} events could not be published`);
  } finally {
    records?.close();
    await queue?.close();
  }
}

type Request = Omit<ReplayOptions, 'records' | 'stores' | 'eventBridge' | 'signal'>;

function asked(
  flags: ReplayFlags,
  env: Environment,
  records: Records | undefined,
  queue: Parameters<typeof eventsFromDeadLetters>[0] | undefined,
): Request {
  const { consumer, limit } = flags;
  const filter = filterOf(flags);
  return {
    source: sourceOf(flags, filter, records, queue),
    bus: required(flags.bus ?? env.WAYBILL_BUS, '--bus', 'WAYBILL_BUS'),
    filter,
    again: flags.again === true,
    unhandledOnly: flags.unhandledOnly === true,
    skipGone: flags.skipGone === true,
    dryRun: flags.dryRun === true,
    ...(consumer === undefined ? {} : { consumer }),
    ...(limit === undefined ? {} : { limit }),
  };
}

function sourceOf(
  flags: ReplayFlags,
  filter: ReturnType<typeof filterOf>,
  records: Records | undefined,
  queue: Parameters<typeof eventsFromDeadLetters>[0] | undefined,
): ReplaySource {
  if (queue !== undefined) return eventsFromDeadLetters(queue, { remove: flags.remove === true, filter });
  if (flags.file !== undefined) return eventsFromFile(readablePath('--file', flags.file));
  const { from = new Date(), to = new Date(), producer } = flags;
  return eventsFromLedger(given(records), { from, to, ...(producer === undefined ? {} : { producer }) });
}

/** A replay that goes on as it was begun. */
async function planned(replayId: string, records: Records, signal: AbortSignal): Promise<Request> {
  const plan = await checkedAsync(readReplayPlan(records, replayId, signal));
  const { bus, again, unhandledOnly, skipGone, consumer, limit, filter } = plan;
  return {
    source: sourceOfPlan(plan, records),
    bus,
    filter,
    again,
    unhandledOnly,
    skipGone,
    replayId,
    resume: true,
    ...(consumer === undefined ? {} : { consumer }),
    ...(limit === undefined ? {} : { limit }),
  };
}

function sourceOfPlan({ source, replayid }: ReplayPlan, records: Records): ReplaySource {
  const { kind, from = '', to = '', producer, path = '' } = source;
  if (kind === 'file') return eventsFromFile(readablePath('--resume', path));
  if (kind !== 'ledger') throw new UsageError(`--resume: replay ${replayid} is of a ${kind}; run it again`);
  const range = { from: new Date(from), to: new Date(to) };
  return eventsFromLedger(records, { ...range, ...(producer === undefined ? {} : { producer }) });
}

function recordsOf(flags: ReplayFlags, { env, logger }: Context): Records | undefined {
  const needed = flags.resume !== undefined || flags.unhandledOnly === true;
  const ledger = flags.dlq === undefined && flags.file === undefined;
  if (!needed && !ledger && (flags.control ?? env.WAYBILL_CONTROL) === undefined) return undefined;
  return createRecords({ control: controlOf(env, flags.control), logger });
}

/** Never absent where it is asked for: `recordsOf` has thrown before. */
function given(records: Records | undefined): Records {
  if (records !== undefined) return records;
  throw new UsageError('--control: missing; give the flag or set WAYBILL_CONTROL');
}

function queueFlags(
  { region }: ReplayFlags,
  dlq: string | true,
): { readonly dlq?: string; readonly region?: string } {
  return { ...(dlq === true ? {} : { dlq }), ...(region === undefined ? {} : { region }) };
}
