import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultRule } from '../../local/index.ts';
import type { UrlServiceFault } from '../../producers/index.ts';
import { pick } from '../helpers/local-kill/random.ts';
import { BUCKET, type ChaosExchange } from './exchange.ts';
import type { PlannedEvent } from './plan.ts';

/** What can be broken. */
export interface World {
  readonly exchange: ChaosExchange;
  readonly random: () => number;
  readonly spool: string;
  /** Names of the disturbances to choose from. */
  readonly names: readonly string[];
  /** The next event of the plan; none twice, since bytes that are false twice in a row are corrupt for good. */
  readonly nextEvent: () => PlannedEvent | undefined;
  /** Aborts when the disturbed phase is over. */
  readonly signal: AbortSignal;
}

type Disturbance = (world: World) => Promise<void> | void;

const whole = (random: () => number, min: number, max: number): number =>
  Math.floor(min + random() * (max - min + 1));
const bodies = { service: 's3', operation: 'GetObject', bucket: BUCKET, presigned: true } as const;

const onBodies =
  (times: number, fault: (random: () => number) => Fault): Disturbance =>
  ({ exchange, random }) =>
    void exchange.local.faults.add({ match: bodies, times: whole(random, 1, times), faults: fault(random) });

const outage =
  (match: NonNullable<FaultRule['match']>, times: number): Disturbance =>
  ({ exchange, random }) => {
    const status = pick(random, [500, 503]);
    const code =
      status === 500 ? 'InternalError' : match.service === 's3' ? 'SlowDown' : 'ServiceUnavailable';
    const faults = { kind: 'status', status, code } as const;
    exchange.local.faults.add({ match, times: whole(random, 1, times), faults });
  };

const WRITES = [
  { service: 's3', operation: 'PutObject' },
  { service: 's3', operation: 'CreateMultipartUpload' },
  { service: 's3', operation: 'UploadPart' },
  { service: 's3', operation: 'CompleteMultipartUpload' },
  { service: 'sqs', operation: 'SendMessage' },
  { service: 'sqs', operation: 'ReceiveMessage' },
  { service: 'sqs', operation: 'DeleteMessageBatch' },
  { service: 'sqs', operation: 'ChangeMessageVisibilityBatch' },
  { service: 'events', operation: 'PutEvents' },
] as const;

/** Waits, or less if the phase ends. */
const lasting = async (ms: number, signal: AbortSignal): Promise<void> =>
  await sleep(ms, undefined, { signal }).catch(() => undefined);

/** Everything that goes wrong beside the kills and the clocks, by the name that the report gives it. */
export const DISTURBANCES: Readonly<Record<string, Disturbance>> = {
  'body cut': onBodies(10, (random) => ({ kind: 'cut', afterBytes: whole(random, 0, 100_000) })),
  'body stalled': onBodies(4, (random) => ({ kind: 'stall', afterBytes: whole(random, 0, 100_000) })),
  'body throttled': onBodies(3, (random) => ({
    kind: 'throttle',
    bytesPerSecond: whole(random, 200_000, 4_000_000),
  })),
  'URL expired': onBodies(6, () => ({ kind: 'expire-now' })),
  'byte flipped': ({ exchange, random, nextEvent }) => {
    const event = nextEvent();
    if (event === undefined) return;
    const match = { ...bodies, key: new RegExp(event.id) };
    exchange.local.faults.add({ match, faults: { kind: 'flip-byte', at: whole(random, 0, 65_535) } });
  },
  'S3 answers 5xx': outage({ service: 's3' }, 8),
  'SQS answers 5xx': outage({ service: 'sqs' }, 6),
  'EventBridge answers 5xx': outage({ service: 'events' }, 4),
  'answer of an applied write lost': ({ exchange, random }) => {
    const times = whole(random, 1, 3);
    exchange.local.faults.add({ match: pick(random, WRITES), times, faults: { kind: 'drop-response' } });
  },
  'URL service down': async ({ exchange, random, signal }) => {
    const faults: UrlServiceFault[] = [{ kind: 'status', status: 503 }, { kind: 'reset' }, { kind: 'stall' }];
    exchange.breakUrlService(pick(random, faults));
    await lasting(whole(random, 2_000, 8_000), signal);
    exchange.breakUrlService(undefined);
  },
  'network closed mid-body': async ({ exchange, random, signal }) => {
    const faults = { kind: 'cut', afterBytes: whole(random, 0, 60_000) } as const;
    const remove = exchange.local.faults.add({
      match: { service: 's3', operation: 'GetObject' },
      times: Infinity,
      faults,
    });
    await lasting(whole(random, 500, 4_000), signal);
    remove();
  },
  'disk full': async ({ spool, random, signal }) => {
    const filler = join(spool, 'filler');
    await fill(filler);
    await lasting(whole(random, 2_000, 8_000), signal);
    await rm(filler, { force: true });
  },
};

/** Writes until nothing more goes in, not even a page. */
async function fill(path: string): Promise<void> {
  await using file = await open(path, 'w');
  for (let bytes = 4 * 1024 ** 2; bytes >= 4096;) {
    try {
      const { bytesWritten } = await file.write(Buffer.alloc(bytes));
      if (bytesWritten === 0) bytes /= 8;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      bytes = Math.floor(bytes / 8);
    }
  }
}

/**
 * Disturbs until the phase ends, with a pause after each begun; those that last run beside the others, none twice at once.
 * @returns how often each
 */
export async function disturb(world: World): Promise<Record<string, number>> {
  const { names, random, signal } = world;
  const counts = Object.fromEntries(names.map((name) => [name, 0]));
  const lasts = new Map<string, Promise<void>>();
  while (!signal.aborted) {
    const name = pick(random, names);
    if (!lasts.has(name)) {
      counts[name] = (counts[name] ?? 0) + 1;
      lasts.set(
        name,
        Promise.resolve(DISTURBANCES[name]?.(world)).finally(() => lasts.delete(name)),
      );
    }
    await lasting(whole(random, 200, 1_500), signal);
  }
  await Promise.all(lasts.values());
  world.exchange.local.faults.clear();
  return counts;
}
