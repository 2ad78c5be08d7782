import { z } from 'zod';
import { ReplayError } from '../../shared/errors.ts';
import type { Records } from '../../shared/records/index.ts';
import type { EventFilterOptions } from '../event-filter.ts';
import type { ReplayCounts, ReplayFailure } from './types.ts';

/** Prefix of the records of replays in the control bucket. */
export const REPLAY_PREFIX = 'replays/';

const skipped = z.record(z.enum(['filtered', 'duplicate', 'loop', 'handled', 'gone']), z.int());

const planSchema = z.looseObject({
  waybillreplay: z.literal(1),
  replayid: z.string(),
  startedAt: z.string(),
  source: z.looseObject({ kind: z.string() }),
  filter: z.looseObject({}),
  bus: z.string(),
  consumer: z.string().optional(),
  again: z.boolean(),
  unhandledOnly: z.boolean(),
  skipGone: z.boolean(),
  urlTtlSeconds: z.int(),
  limit: z.int().optional(),
});

const checkpointSchema = z.looseObject({
  waybillcheckpoint: z.literal(1),
  /** Drawn by each run: whose checkpoint this is. */
  owner: z.string(),
  /** Rises with every write, so that the bytes change, and with them the etag. */
  writes: z.int(),
  state: z.enum(['running', 'done']),
  /** All up to and including this place of the source is done. */
  position: z.string().optional(),
  counts: z.looseObject({
    read: z.int(),
    published: z.int(),
    skipped,
    failed: z.int(),
    attachments: z.int(),
    bytes: z.int(),
    withoutUrl: z.int(),
    byType: z.record(z.string(), z.int()),
  }),
  failures: z.array(
    z.object({ eventId: z.string(), source: z.string(), code: z.string(), reason: z.string() }),
  ),
});

/** What a replay was asked to do, as it is kept. */
export interface ReplayPlan {
  readonly replayid: string;
  readonly startedAt: string;
  readonly source: Readonly<Record<string, string>> & { readonly kind: string };
  readonly filter: EventFilterOptions;
  readonly bus: string;
  readonly consumer?: string | undefined;
  readonly again: boolean;
  readonly unhandledOnly: boolean;
  readonly skipGone: boolean;
  readonly urlTtlSeconds: number;
  readonly limit?: number | undefined;
}

/** How far a replay is. */
export interface Progress {
  readonly state: 'running' | 'done';
  readonly position: string | undefined;
  readonly counts: ReplayCounts;
  readonly failures: readonly ReplayFailure[];
}

/** The checkpoint of one run; two runs of one replay notice each other. */
export interface Checkpoint {
  /** Where the runs before left it. */
  readonly before: Progress | undefined;
  /** @throws {ReplayError} when another run has written it meanwhile */
  save(progress: Progress): Promise<void>;
}

/**
 * What a replay was asked to do.
 * @throws {ReplayError} if there is no such replay
 */
export async function readReplayPlan(
  records: Records,
  replayId: string,
  signal?: AbortSignal,
): Promise<ReplayPlan> {
  const key = planKey(replayId);
  const record = await records.get(key, { signal });
  if (record === undefined)
    throw new ReplayError(`replay ${JSON.stringify(replayId)}: there is none to resume`);
  return parse(planSchema, record.body, key) as ReplayPlan;
}

/**
 * Begins the records of a replay, or takes them over.
 * @param owner a token of this run
 * @throws {ReplayError} if a new replay's id is taken, or the plan to resume is another
 */
export async function openCheckpoint(
  records: Records,
  plan: ReplayPlan,
  run: { readonly resume: boolean; readonly owner: string; readonly signal: AbortSignal | undefined },
): Promise<Checkpoint> {
  const { resume, owner, signal } = run;
  const key = checkpointKey(plan.replayid);
  const bodyOf = (writes: number, { state, position, counts, failures }: Progress): string => {
    const head = { waybillcheckpoint: 1, owner, writes, state };
    return JSON.stringify({ ...head, ...(position === undefined ? {} : { position }), counts, failures });
  };
  let [etag, writes] = [undefined as string | undefined, 0];
  let before: Progress | undefined;
  if (resume) {
    checkSame(await readReplayPlan(records, plan.replayid, signal), plan);
    const record = await records.get(key, { signal });
    if (record !== undefined) {
      const { counts, failures, state, position, ...rest } = parse(checkpointSchema, record.body, key);
      before = { state, position, counts, failures };
      [etag, writes] = [record.etag, rest.writes];
    }
  } else {
    const made = await records.create(planKey(plan.replayid), JSON.stringify({ waybillreplay: 1, ...plan }), {
      signal,
    });
    if (made.outcome === 'exists')
      throw new ReplayError(`replay ${JSON.stringify(plan.replayid)} was begun before: resume it`);
  }
  return {
    before,
    async save(progress) {
      writes += 1;
      const body = bodyOf(writes, progress);
      // Without the signal: what the bus has taken is to be written down, also at the end.
      const saved =
        etag === undefined ? await records.create(key, body) : await records.replace(key, body, etag);
      if (saved.outcome !== 'created' && saved.outcome !== 'replaced')
        throw new ReplayError(`replay ${JSON.stringify(plan.replayid)}: another process goes on with it`);
      ({ etag } = saved);
    },
  };
}

function checkSame(kept: ReplayPlan, asked: ReplayPlan): void {
  const fields = [
    'source',
    'filter',
    'bus',
    'consumer',
    'again',
    'unhandledOnly',
    'skipGone',
    'limit',
  ] as const;
  for (const field of fields) {
    const [before, now] = [JSON.stringify(kept[field]), JSON.stringify(asked[field])];
    if (before !== now)
      throw new ReplayError(
        `replay ${JSON.stringify(kept.replayid)} was begun with ${field} ${before ?? 'none'}, not ${now ?? 'none'}`,
      );
  }
}

function planKey(replayId: string): string {
  return `${REPLAY_PREFIX}${encodeURIComponent(replayId)}/plan.json`;
}

function checkpointKey(replayId: string): string {
  return `${REPLAY_PREFIX}${encodeURIComponent(replayId)}/checkpoint.json`;
}

function parse<Schema extends z.ZodType>(schema: Schema, body: string, key: string): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(body));
  } catch (error) {
    throw new ReplayError(`${key} cannot be read`, { cause: error });
  }
}
