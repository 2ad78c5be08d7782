import { randomUUID } from 'node:crypto';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { PublishError, ReplayError } from '../../shared/errors.ts';
import type { WaybillEvent } from '../../shared/events/index.ts';
import { IDEMPOTENCY_PREFIX, idempotencyRecordSchema, idempotencyText } from '../../shared/idempotency.ts';
import type { Records } from '../../shared/records/index.ts';
import { createEventPutter, type EventPutter } from '../put-events.ts';
import { mapBounded } from '../url-service/map-bounded.ts';
import { openCheckpoint, type Checkpoint, type ReplayPlan } from './checkpoint.ts';
import { resolveReplayOptions, type ReplayOptions, type ResolvedReplayOptions } from './options.ts';
import { preflight } from './preflight.ts';
import { createStoreTools, isTooLarge, republish, type StoreTools } from './republish.ts';
import { createTally, type Tally } from './tally.ts';
import type { ReplayEntry, ReplayReport, SkipReason } from './types.ts';

/** Events published between two checkpoints, at most, and the time that they take by the rate; a crash repeats them. */
const PAGE_EVENTS = 100;
const PAGE_SECONDS = 10;
/** Entries read between two checkpoints, where most do not fit the filter. */
const PAGE_ENTRIES = 5_000;
/** Idempotency records asked for at once. */
const PARALLELISM = 16;
/** Events remembered, so that one that was published twice goes out once. */
const REMEMBERED = 200_000;

/** Codes that PutEvents answers for one entry, and for a call of one entry, where that entry is at fault; any other refusal is everyone's. */
const ENTRY_CODES = /^(Malformed|Invalid|Validation|.*TooLarge)/;
const CALL_CODES = /^(Validation|.*TooLarge)/;

interface Run {
  readonly options: ResolvedReplayOptions;
  readonly tally: Tally;
  readonly tools: (store: string) => StoreTools | undefined;
  readonly putter: EventPutter;
  readonly signal: AbortSignal | undefined;
  /** By source and id, whether the bus has it. */
  readonly seen: Map<string, boolean>;
}

/**
 * Publishes events again: under their own ids and times, with `replayid` and `replaycount`, for everyone or for one
 * consumer, at a bounded rate.
 *
 * The source is read in order, in pages; a page's events are put, and when the bus has taken all of them the checkpoint
 * moves past the page. So nothing is skipped, and an interruption repeats at most a page: the same event ids under the
 * same replay id, which consumers tell apart from new ones and handle once. An event that the bus can never take is
 * counted as failed, with its reason; any other refusal ends the run before its page is written down.
 *
 * @throws {TypeError|RangeError} naming the option that is wrong
 * @throws {ReplayError} when the replay cannot be begun or resumed, or another process goes on with it
 * @throws {PublishError} when the bus refuses, or does not answer within the retries
 * @throws the signal's reason once it has aborted
 * @example
 * const report = await replay({
 *   source: eventsFromLedger(records, { from: new Date('2026-11-01'), to: new Date('2026-11-08') }),
 *   bus: 'waybill', records, stores, filter: { types: ['invoice.*'] }, consumer: 'billing',
 * });
 */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const resolved = resolveReplayOptions(options);
  const { clock, random, logger, retry, source, records, dryRun, replayId } = resolved;
  const { signal, onProgress } = options;
  const { credentials, region, endpoint } = options;
  const client =
    options.eventBridge ??
    new EventBridgeClient({
      maxAttempts: 1,
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    });
  const tools = createStoreTools(resolved.stores, clock, credentials);
  try {
    const checkpoint =
      dryRun || records === undefined || !source.resumable
        ? undefined
        : await openCheckpoint(records, planOf(resolved), {
            resume: resolved.resume,
            owner: randomUUID(),
            signal,
          });
    const tally = createTally(checkpoint?.before);
    const putter = createEventPutter({ client, retry, clock, random, logger });
    const run: Run = {
      options: resolved,
      tally,
      tools: (store) => tools.of(store),
      putter,
      signal,
      seen: new Map(),
    };
    if (checkpoint?.before?.state !== 'done') {
      await runPages(run, checkpoint, (position) => {
        const fraction = position === undefined ? undefined : source.fraction?.(position);
        onProgress?.({ replayId, ...tally.counts(), ...(fraction === undefined ? {} : { fraction }) });
      });
    }
    return reportOf(run);
  } finally {
    tools.close();
    if (options.eventBridge === undefined) client.destroy();
  }
}

async function runPages(
  run: Run,
  checkpoint: Checkpoint | undefined,
  told: (position: string | undefined) => void,
): Promise<void> {
  const { options, tally, signal } = run;
  const { source, limit = Number.POSITIVE_INFINITY } = options;
  let position = checkpoint?.before?.position;
  const save = async (state: 'running' | 'done'): Promise<void> => {
    await checkpoint?.save({ state, position, counts: tally.counts(), failures: tally.failures });
  };
  await save('running'); // takes the replay over before anything is put
  const pageEvents = Math.max(1, Math.min(PAGE_EVENTS, Math.floor(options.ratePerSecond * PAGE_SECONDS)));
  let [page, twins, entries]: [ReplayEntry[], ReplayEntry[], number] = [[], [], 0];
  const room = (): number => limit - tally.counts().published;
  const turn = async (state: 'running' | 'done'): Promise<void> => {
    await publishPage(page, run);
    for (const twin of twins) if (run.seen.get(keyOf(twin.event)) === true) await source.taken?.(twin);
    [page, twins, entries] = [[], [], 0];
    signal?.throwIfAborted();
    await save(state);
    told(position);
  };
  const rest = room() > 0 ? source.entries({ after: position, signal }) : [];
  for await (const entry of rest) {
    signal?.throwIfAborted();
    tally.read += 1;
    entries += 1;
    ({ position } = entry);
    const verdict = judge(entry, run);
    if (verdict === 'publish') page.push(entry);
    else tally.skip(verdict);
    if (verdict === 'duplicate') twins.push(entry);
    // A page holds no more than the limit leaves room for; when it is spent, nothing that was read is left undone.
    if (page.length >= Math.min(pageEvents, room()) || entries >= PAGE_ENTRIES) {
      await turn('running');
      if (room() <= 0) break;
    }
  }
  await turn('done');
}

/** Filter, loop guard, duplicates: what can be told without asking anyone. */
function judge(entry: ReplayEntry, { options, seen }: Run): 'publish' | SkipReason {
  const { event } = entry;
  if (!options.filter.matches(entry)) return 'filtered';
  if (event.replayid === options.replayId || (event.replaycount ?? 0) >= options.maxReplayCount)
    return 'loop';
  const key = keyOf(event);
  if (seen.has(key)) return 'duplicate';
  seen.set(key, false);
  const [oldest = key] = seen.keys();
  if (seen.size > REMEMBERED) seen.delete(oldest);
  return 'publish';
}

function keyOf({ source, id }: WaybillEvent): string {
  return `${source} ${id}`;
}

async function publishPage(page: readonly ReplayEntry[], run: Run): Promise<void> {
  const { options, tally, tools, signal } = run;
  const unhandled = options.unhandledOnly ? await withoutHandled(page, run) : page;
  const wanted =
    options.skipGone || (options.dryRun && options.stores !== undefined)
      ? await withoutGone(unhandled, run)
      : unhandled;
  if (options.dryRun) {
    for (const { event } of wanted) tally.published(event, false);
    return;
  }
  const { bus, urlTtlSeconds, eventBudgetBytes: budgetBytes, replayId, consumer, again, pace } = options;
  const marks = { replayId, consumer, again };
  const put = async (entry: ReplayEntry): Promise<void> => {
    const { event } = entry;
    try {
      const outgoing = await republish(event, { marks, bus, urlTtlSeconds, budgetBytes, tools });
      await run.putter.put(outgoing, signal);
      tally.published(event, outgoing.withoutUrl);
      run.seen.set(keyOf(event), true);
    } catch (error) {
      if (!isOfThisEvent(error)) throw error;
      const { code, message: reason } = error;
      tally.fail({ eventId: event.id, source: event.source, code, reason });
      return;
    }
    await options.source.taken?.(entry);
  };
  const puts: Promise<void>[] = [];
  try {
    for (const entry of wanted) {
      await pace(signal);
      puts.push(put(entry));
    }
  } finally {
    await Promise.allSettled(puts);
  }
  await Promise.all(puts);
}

function isOfThisEvent(error: unknown): error is PublishError | { code: string; message: string } {
  if (isTooLarge(error)) return true;
  if (!(error instanceof PublishError)) return false;
  const { permanent, errorCode } = error.details;
  const codes = error.cause === undefined ? ENTRY_CODES : CALL_CODES;
  return permanent === true && codes.test(String(errorCode));
}

async function withoutHandled(page: readonly ReplayEntry[], run: Run): Promise<readonly ReplayEntry[]> {
  const { options, tally, signal } = run;
  const { records, consumer = '' } = options;
  if (records === undefined) return page;
  const handled = await mapBounded(page, PARALLELISM, async ({ event }) =>
    isHandled(records, consumer, event, signal),
  );
  return page.filter((_, index) => {
    if (handled[index] === true) tally.skip('handled');
    return handled[index] !== true;
  });
}

async function isHandled(
  records: Records,
  consumer: string,
  { id, source }: WaybillEvent,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const key = `${IDEMPOTENCY_PREFIX}${idempotencyText({ consumer, source, id })}`;
  const record = await records.get(key, { signal });
  if (record === undefined) return false;
  try {
    return idempotencyRecordSchema.parse(JSON.parse(record.body)).state === 'done';
  } catch (error) {
    throw new ReplayError(`${key} is no idempotency record`, { cause: error });
  }
}

async function withoutGone(page: readonly ReplayEntry[], run: Run): Promise<readonly ReplayEntry[]> {
  const { options, tally, tools, signal } = run;
  const events = page.map(({ event }) => event);
  const { findings, checked } = await preflight(events, tools, options.clock, signal);
  tally.checked(findings, checked);
  for (const finding of findings) options.onFinding(finding);
  if (!options.skipGone) return page;
  const gone = new Set(findings.map(({ source, eventId }) => `${source} ${eventId}`));
  return page.filter(({ event }) => {
    const isGone = gone.has(`${event.source} ${event.id}`);
    if (isGone) tally.skip('gone');
    return !isGone;
  });
}

function planOf(options: ResolvedReplayOptions): ReplayPlan {
  const { replayId, clock, source, filterOptions, bus, consumer, limit } = options;
  const { again, unhandledOnly, skipGone, urlTtlSeconds } = options;
  return {
    replayid: replayId,
    startedAt: new Date(clock.nowMs()).toISOString(),
    source: source.description,
    filter: filterOptions,
    bus,
    ...(consumer === undefined ? {} : { consumer }),
    again,
    unhandledOnly,
    skipGone,
    urlTtlSeconds,
    ...(limit === undefined ? {} : { limit }),
  };
}

function reportOf({ options, tally }: Run): ReplayReport {
  const { replayId, dryRun, consumer, skipGone } = options;
  const checks = skipGone || (dryRun && options.stores !== undefined);
  return {
    replayId,
    dryRun,
    ...(consumer === undefined ? {} : { consumer }),
    ...tally.counts(),
    failures: tally.failures,
    ...(checks
      ? {
          findings: tally.findings,
          payloadsChecked: tally.payloadsChecked,
          payloadsGone: tally.payloadsGone,
        }
      : {}),
  };
}
