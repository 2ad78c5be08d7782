import type { Command } from 'commander';
import { createRecords, sweep, sweepDefaults, type SweepReport } from '../../producers/index.ts';
import { command, runWith, type Context } from '../command.ts';
import { controlOf, regionOf, storesOf } from '../environment.ts';
import { checkedAsync } from '../errors.ts';
import type { Output } from '../output.ts';
import { durationMs, formatBytes } from '../values.ts';

interface SweepFlags {
  readonly producer?: string;
  readonly stores?: string;
  readonly control?: string;
  readonly region?: string;
  readonly outboxAge: number;
  readonly unfinishedAge: number;
  readonly grace: number;
  readonly delete?: boolean;
}

/** `waybill sweep`: publishes what dead publishers left, and reports what they did not finish. */
export function sweepCommand(summary: string): Command {
  const { outboxAgeMs, unfinishedAgeMs, graceMs } = sweepDefaults;
  return command('sweep', summary, [
    'waybill sweep',
    'waybill sweep --producer billing --unfinished-age 1h --json',
    'waybill sweep --producer billing --delete --grace 14d',
  ])
    .option('--producer <name>', 'sweep this producer only (default: all that have records)')
    .option('--outbox-age <duration>', 'how long an event may wait in the outbox', durationMs, outboxAgeMs)
    .option(
      '--unfinished-age <duration>',
      'age from which a publish is unfinished',
      durationMs,
      unfinishedAgeMs,
    )
    .option('--delete', 'remove what is unfinished for longer than the grace time')
    .option('--grace <duration>', 'how long what is unfinished is kept at least', durationMs, graceMs)
    .option('--stores <json|file>', 'stores by logical name (WAYBILL_STORES)')
    .option('--control <json|file>', 'the control bucket (WAYBILL_CONTROL)')
    .option('--region <region>', 'region of the bus (AWS_REGION)')
    .action((flags: SweepFlags) =>
      runWith(flags, async (context) => {
        const reports: SweepReport[] = [];
        for (const producer of await producersOf(flags, context)) {
          const report = await sweepOne(producer, flags, context);
          context.out.emit({ type: 'swept', ...report });
          tell(report, context.out);
          reports.push(report);
        }
        const failed = reports.reduce((sum, report) => sum + report.failed.length, 0);
        if (failed > 0) process.exitCode = 1;
        context.out.result(reports.length === 0 ? 'no producer has records' : summaryOf(reports));
      }),
    );
}

async function sweepOne(
  producer: string,
  flags: SweepFlags,
  { env, logger, signal }: Context,
): Promise<SweepReport> {
  return await checkedAsync(
    sweep({
      producer,
      stores: storesOf(env, flags.stores),
      control: controlOf(env, flags.control),
      region: regionOf(env, flags.region),
      outboxAgeMs: flags.outboxAge,
      unfinishedAgeMs: flags.unfinishedAge,
      graceMs: flags.grace,
      delete: flags.delete === true,
      logger,
      signal,
      ...(env.AWS_ENDPOINT_URL === undefined ? {} : { endpoint: env.AWS_ENDPOINT_URL }),
    }),
  );
}

/** The producer asked for, or all that have an outbox or intents. */
async function producersOf(flags: SweepFlags, { env, signal }: Context): Promise<readonly string[]> {
  if (flags.producer !== undefined) return [flags.producer];
  const records = createRecords({ control: controlOf(env, flags.control) });
  const found = new Set<string>();
  for (const prefix of ['intents/', 'outbox/'])
    for await (const folder of records.folders(prefix, { signal })) found.add(folder.split('/')[1] ?? '');
  records.close();
  return [...found].sort();
}

function tell(report: SweepReport, out: Output): void {
  const { producer, published, publishedBefore, failed, unfinished, strayUploads } = report;
  for (const { eventId } of published) out.say(`${producer}: published ${eventId}`);
  for (const eventId of publishedBefore) out.say(`${producer}: ${eventId} was out already`);
  for (const { eventId, reason } of failed) out.say(`${producer}: ${eventId} stays in the outbox: ${reason}`);
  for (const each of unfinished) {
    const bytes = each.payloads.reduce((sum, { size }) => sum + size, 0);
    out.say(
      `${producer}: ${each.type} ${each.eventId}, begun ${each.startedAt}, was never finished: ` +
        `${each.payloads.length} payloads (${formatBytes(bytes)}), ${each.uploads.length} open uploads` +
        (each.deleted ? ', removed' : ''),
    );
  }
  for (const { key, initiatedAt, deleted } of strayUploads)
    out.say(
      `${producer}: an upload of ${key}, open since ${initiatedAt}, belongs to no publish${deleted ? ', removed' : ''}`,
    );
}

function summaryOf(reports: readonly SweepReport[]): string {
  const count = (of: (report: SweepReport) => readonly unknown[]): number =>
    reports.reduce((sum, report) => sum + of(report).length, 0);
  return (
    `${count((each) => each.published)} published, ${count((each) => each.failed)} failed, ` +
    `${count((each) => each.unfinished)} unfinished, ${count((each) => each.strayUploads)} stray uploads`
  );
}
