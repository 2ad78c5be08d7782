import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import type {
  DeadLetterFilter,
  DeadLetterList,
  DeadLetterQueue,
  FoundDeadLetter,
} from '../../producers/index.ts';
import { redactText } from '../../shared/redact.ts';
import { command, runWith, type Context } from '../command.ts';
import { openDeadLetterQueue } from '../dead-letter-queue.ts';
import { checkedAsync, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';
import { collect, filterOf, ratePerSecond, withFilter, type FilterFlags } from '../event-filter.ts';
import { tableLines } from '../table.ts';
import { formatBytes, wholeNumber } from '../values.ts';

interface DlqFlags extends FilterFlags {
  readonly dlq?: string;
  readonly region?: string;
  readonly message?: readonly string[];
  readonly max: number;
}

interface RedriveFlags extends DlqFlags {
  readonly to?: string;
  readonly rate?: number;
  readonly limit?: number;
  readonly all?: boolean;
  readonly own?: boolean;
}

/** Bytes of a body that cannot be parsed which `show` prints. */
const SHOWN_BODY_CHARACTERS = 4096;

/** `waybill dlq list|show|redrive|purge`. */
export function dlqCommand(summary: string): Command {
  const group = new Command('dlq').summary(summary).description(summary);
  for (const each of [listCommand(), showCommand(), redriveCommand(), purgeCommand()]) group.addCommand(each);
  return group;
}

function listCommand(): Command {
  return withQueue(
    command('list', 'what lies in the dead-letter queue, and why; nothing is consumed', [
      'waybill dlq list',
      "waybill dlq list --reason checksum-mismatch --type 'invoice.*'",
      'waybill dlq list --json | jq -r .eventId',
    ]),
  ).action((options: DlqFlags) =>
    withOpenQueue(options, async (queue, { out, signal }) => {
      const list = await checkedAsync(queue.list({ ...walkOf(options), signal }));
      for (const letter of list.messages)
        out.emit({ type: 'dead-letter', ...describe(letter), copies: letter.copies });
      if (list.messages.length > 0) {
        const rows = list.messages.map((each) => [
          each.code,
          each.event?.type ?? each.rejection?.type ?? '-',
          idOf(each),
          each.sentAt ?? '-',
          each.reason ?? '',
        ]);
        for (const line of tableLines(['CODE', 'TYPE', 'EVENT', 'SENT', 'REASON'], rows))
          out.result(redactText(line));
      }
      const byCode = countBy(list.messages, ({ code }) => code);
      out.say(
        `${list.messages.length} of ${list.seen} messages seen${Object.entries(byCode)
          .map(([code, count]) => `, ${count} ${code}`)
          .join('')}`,
      );
      warnOfMore(list, out);
      out.emit({
        type: 'summary',
        matched: list.messages.length,
        seen: list.seen,
        truncated: list.truncated,
        approximateTotal: list.approximateTotal,
        byCode,
      });
    }),
  );
}

function showCommand(): Command {
  return withQueue(
    command('show', 'everything about the dead letters of one event or message', [
      'waybill dlq show 0197…-…',
      'waybill dlq show 0197…-… --json',
    ]),
    false,
  )
    .argument('<id>', 'event id or SQS message id')
    .action((id: string, options: DlqFlags) =>
      withOpenQueue(options, async (queue, { out, signal }) => {
        const { messages } = await checkedAsync(queue.list({ maxMessages: options.max, signal }));
        const found = messages.filter(
          (each) => each.messageId === id || each.event?.id === id || each.rejection?.eventId === id,
        );
        if (found.length === 0)
          throw new Error(`no message of ${JSON.stringify(id)} is to be seen in ${queue.queueUrl}`);
        for (const letter of found) {
          const shown = {
            ...describe(letter),
            copies: letter.copies,
            rejection: letter.rejection,
            attributes: attributesOf(letter),
            // URLs and claim checks hide themselves.
            ...(letter.event === undefined
              ? { body: redactText(letter.body().slice(0, SHOWN_BODY_CHARACTERS)) }
              : { event: letter.event }),
          };
          out.emit({ type: 'dead-letter', ...shown });
          out.result(JSON.stringify(shown, undefined, 2));
        }
      }),
    );
}

function redriveCommand(): Command {
  return withQueue(
    command('redrive', 'move dead letters back to their queue: one, some, all', [
      'waybill dlq redrive --id 0197…-…',
      'waybill dlq redrive --reason checksum-mismatch --rate 50/s',
      'waybill dlq redrive --all',
    ]),
  )
    .option('--all', 'everything; SQS itself moves it where it can')
    .option('--to <queue>', 'URL or ARN of the queue to move to; default where each message belongs')
    .option('--rate <rate>', 'messages a second, such as 50/s', ratePerSecond)
    .option('--limit <n>', 'move at most this many', wholeNumber(1, 1_000_000))
    .option('--own', 'with --all: move here, one by one, and not by a task of SQS')
    .action((options: RedriveFlags) =>
      withOpenQueue(options, async (queue, { out, signal }) => {
        const walk = walkOf(options);
        const chosen = Object.keys(walk.filter).length > 0 || options.limit !== undefined;
        if (chosen === (options.all === true))
          throw new UsageError(
            chosen
              ? '--all: got it beside a filter or --limit, expected one or the other'
              : 'redrive: nothing chosen; give a filter, --limit or --all',
          );
        const report = await checkedAsync(
          queue.redrive({
            ...walk,
            signal,
            ...(options.own === true ? { via: 'own' as const } : {}),
            ...(options.to === undefined ? {} : { destination: options.to }),
            ...(options.rate === undefined ? {} : { ratePerSecond: options.rate }),
            ...(options.limit === undefined ? {} : { limit: options.limit }),
            onProgress: ({ moved, toMove }) =>
              out.emit({ type: 'progress', moved, ...(toMove === undefined ? {} : { toMove }) }),
          }),
        );
        for (const { messageId, reason } of report.failed) out.say(`not moved ${messageId}: ${reason}`);
        const { moved, duplicates, left, via } = report;
        out.say(
          `moved ${moved}${via === 'task' ? ' (by SQS)' : `, ${duplicates} duplicates dropped, ${left} left`}${report.failed.length > 0 ? `, ${report.failed.length} failed` : ''}`,
        );
        out.emit({ type: 'redriven', ...report });
        out.result(String(moved));
        if (report.failed.length > 0)
          throw new Error(`${report.failed.length} messages could not be moved; they are still there`);
      }),
    );
}

function purgeCommand(): Command {
  return withQueue(
    command('purge', 'delete dead letters for good', [
      'waybill dlq purge --reason payload-gone',
      'waybill dlq purge --reason payload-gone --yes',
    ]),
  )
    .option('--yes', 'delete without asking')
    .action((options: DlqFlags & { yes?: boolean }) =>
      withOpenQueue(options, async (queue, { out, signal }) => {
        const walk = { ...walkOf(options), signal };
        if (options.yes !== true) await confirm(await checkedAsync(queue.list(walk)), out, signal);
        const report = await checkedAsync(
          queue.purge({ ...walk, onProgress: ({ deleted }) => out.emit({ type: 'progress', deleted }) }),
        );
        for (const { messageId, reason } of report.failed) out.say(`not deleted ${messageId}: ${reason}`);
        out.say(`deleted ${report.deleted}, ${report.left} left`);
        out.emit({ type: 'purged', ...report });
        out.result(String(report.deleted));
        if (report.failed.length > 0)
          throw new Error(`${report.failed.length} messages could not be deleted`);
      }),
    );
}

function withQueue(base: Command, filtered = true): Command {
  const withIds = filtered
    ? withFilter(base).option('--message <id>', 'SQS message id; may be repeated', collect)
    : base;
  return withIds
    .option('--dlq <url>', 'dead-letter queue (WAYBILL_DLQ; default: that of WAYBILL_QUEUE)')
    .option('--max <n>', 'look at no more messages than this', wholeNumber(1, 1_000_000), 10_000)
    .option('--region <region>', 'region of the queue (AWS_REGION)');
}

async function withOpenQueue(
  options: DlqFlags,
  work: (queue: DeadLetterQueue & { readonly queueUrl: string }, context: Context) => Promise<void>,
): Promise<void> {
  await runWith(options, async (context) => {
    const queue = await openDeadLetterQueue(context.env, options, context.logger);
    try {
      await work(queue, context);
    } finally {
      await queue.close();
    }
  });
}

function walkOf(options: DlqFlags): { filter: DeadLetterFilter; maxMessages: number } {
  const filter = {
    ...filterOf(options),
    ...(options.message === undefined ? {} : { messageIds: options.message }),
  };
  return { filter, maxMessages: options.max };
}

async function confirm(list: DeadLetterList, out: Output, signal: AbortSignal): Promise<void> {
  if (list.messages.length === 0) return;
  const copies = list.messages.reduce((sum, each) => sum + each.copies, 0);
  const what = `${copies} ${copies === 1 ? 'message' : 'messages'}`;
  if (!process.stdin.isTTY) throw new UsageError(`purge: would delete ${what}; say --yes to do it`);
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await prompt.question(`Delete ${what} for good? Type yes: `, { signal });
    if (answer.trim() !== 'yes') throw new UsageError('purge: not confirmed, nothing deleted');
  } finally {
    prompt.close();
  }
  warnOfMore(list, out);
}

function warnOfMore({ truncated, seen, approximateTotal }: DeadLetterList, out: Output): void {
  if (truncated) out.say(`stopped at --max; SQS says that about ${approximateTotal} are there`);
  else if (approximateTotal > seen)
    out.say(`SQS says that about ${approximateTotal} are there; what another receiver holds cannot be seen`);
}

/** What stands for a message in lists and records. */
function describe(letter: FoundDeadLetter): object {
  const { messageId, kind, code, reason, event, rejection, sentAt, bodyBytes, originArn } = letter;
  return {
    messageId,
    kind,
    code,
    reason,
    eventId: event?.id ?? rejection?.eventId,
    eventType: event?.type ?? rejection?.type,
    source: event?.source ?? rejection?.source,
    subject: event?.subject,
    consumer: rejection?.consumer,
    receiveCount: rejection?.receiveCount,
    sentAt,
    bodySize: formatBytes(bodyBytes),
    attachments: event?.data.attachments.map(({ id, name, size }) => ({ id, name, size })),
    originArn,
  };
}

function attributesOf({ attributes }: FoundDeadLetter): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { StringValue, BinaryValue }]) => [
      name,
      StringValue === undefined ? `${BinaryValue?.byteLength ?? 0} bytes` : redactText(StringValue),
    ]),
  );
}

function idOf({ event, rejection, messageId }: FoundDeadLetter): string {
  return event?.id ?? rejection?.eventId ?? `message ${messageId}`;
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}
