import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { consumersOfBus, mintEventId, replayArchive } from '../producers/index.ts';
import { systemClock } from '../shared/clock.ts';
import type { Context } from './command.ts';
import { required } from './environment.ts';
import { checkedAsync, UsageError } from './errors.ts';
import { filterOf } from './event-filter.ts';
import { flagName, type ReplayFlags } from './replay-flags.ts';

/**
 * A consumer's name that no rule of the bus speaks of is misspelt; where the rules cannot be read, or name nobody,
 * nobody can tell.
 * @throws {UsageError} naming the consumers that there are
 */
export async function checkConsumer(
  eventBridge: EventBridgeClient,
  bus: string,
  consumer: string,
  { signal, logger }: Context,
): Promise<void> {
  let known: ReadonlyMap<string, readonly string[]>;
  try {
    known = await consumersOfBus(eventBridge, bus, signal);
  } catch (error) {
    signal.throwIfAborted();
    logger.warn(
      { error, bus },
      'the rules of the bus cannot be read: the name of the consumer is not checked',
    );
    return;
  }
  if (known.size === 0 || known.has(consumer)) return;
  const names = [...known.keys()].sort().map((name) => JSON.stringify(name));
  throw new UsageError(
    `--consumer: got ${JSON.stringify(consumer)}, but no rule of bus ${bus} lets a replay for it through; known: ${names.join(', ')}`,
  );
}

/** Lets EventBridge replay an archive. @throws {UsageError} for what EventBridge cannot do */
export async function runArchive(
  flags: ReplayFlags,
  archive: string,
  eventBridge: EventBridgeClient,
  context: Context,
): Promise<void> {
  const { env, out, signal } = context;
  const { from = new Date(), to = new Date() } = flags;
  if (Object.keys(filterOf(flags)).length > 0)
    throw new UsageError('--archive: got a filter beside it; EventBridge replays by time and --rule only');
  for (const name of ['again', 'unhandledOnly', 'skipGone', 'dryRun', 'limit'] as const)
    if (flags[name] !== undefined)
      throw new UsageError(`${flagName(name)}: got it beside --archive; EventBridge cannot do that`);
  let rules = flags.rule;
  if (flags.consumer !== undefined) {
    const bus = required(flags.bus ?? env.WAYBILL_BUS, '--bus', 'WAYBILL_BUS');
    await checkConsumer(eventBridge, bus, flags.consumer, context);
    rules ??= (await consumersOfBus(eventBridge, bus, signal)).get(flags.consumer);
    if (rules === undefined)
      throw new UsageError(`--consumer: no rule of bus ${bus} names it; choose its rule by --rule`);
  }
  const report = await ofNames(
    replayArchive({
      eventBridge,
      archive,
      from,
      to,
      replayName: `waybill-${mintEventId(systemClock)}`,
      signal,
      ...(rules === undefined ? {} : { rules }),
      onProgress: (progress) => out.emit({ type: 'progress', ...progress }),
    }),
  );
  out.say(`EventBridge replayed ${archive} as ${report.replayName}: ${report.state}`);
  out.emit({ type: 'archive-replayed', ...report });
}

/** An archive or a rule that is not there is a misspelt name. */
async function ofNames<T>(work: Promise<T>): Promise<T> {
  try {
    return await checkedAsync(work);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ResourceNotFoundException') throw error;
    throw new UsageError(`--archive, --rule: ${error.message}`, { cause: error });
  }
}
