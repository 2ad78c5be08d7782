import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sweep } from '../../producers/index.ts';
import { pick, seeded } from '../helpers/local-kill/random.ts';
import { paths, PRODUCER, readLog, type ChaosConfig } from './config.ts';
import { disturb } from './disturbances.ts';
import { effectsIn } from './effects.ts';
import { startChaosExchange } from './exchange.ts';
import { makePlan, type PlannedEvent } from './plan.ts';
import { spreadPoison } from './poison.ts';
import { buildPrograms, keepProcess, type Kept } from './processes.ts';
import { queuesOf } from './queues.ts';
import type { ChaosReport } from './report.ts';
import { check, effectsOnce, filesIdentical, nothingLeft, onlyPoisonDead, type Check } from './verify.ts';

const MINUTE_MS = 60_000;
const SPOOL_MIB = 512;
const SKEWS_MS = [0, 600_000, -600_000];
/** Longest wait for what must come to its end once nothing is disturbed any more, at least; a busy machine needs it. */
const MIN_CALM_MS = 10 * MINUTE_MS;

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly count: number;
  readonly dir: string;
  /** Names of the disturbances to choose from. */
  readonly names: readonly string[];
  readonly say: (line: string) => void;
}

/** One run: the disturbed phase, then a clean one, then the counting. */
export async function runChaos({
  seed,
  minutes,
  count,
  dir,
  names,
  say,
}: ChaosOptions): Promise<ChaosReport> {
  await buildPrograms();
  const at = paths(dir);
  await using exchange = await startChaosExchange(at.stack);
  await using spool = await mountSpool(join(dir, 'spool'), say);
  const [startMs, lengthMs] = [Date.now(), minutes * MINUTE_MS];
  const intervalMs = (lengthMs * 0.9) / count;
  const calmForMs = Math.max(MIN_CALM_MS, 2 * lengthMs);
  const config: ChaosConfig = {
    ...exchange.config,
    dir,
    spool: spool.path,
    seed,
    count,
    startMs,
    intervalMs,
  };
  await writeFile(at.config, JSON.stringify(config), { mode: 0o600 });
  const plan = makePlan(seed, count, startMs);
  const effects = effectsIn(at.effects);
  const queues = queuesOf(exchange);
  const keep = (name: string, program: 'worker' | 'producer'): Kept =>
    keepProcess(name, program, at.config, join(dir, `${name}.err`));
  const workers = [1, 2, 3].map((number) => keep(`worker ${number}`, 'worker'));
  const producer = keep('producer', 'producer');
  try {
    const clockSkews: Record<string, number> = {};
    const random = seeded(seed + 1);
    const startSkewed = (worker: Kept): void => {
      const skewMs = pick(random, SKEWS_MS);
      const name = `${skewMs / MINUTE_MS} min`;
      clockSkews[name] = (clockSkews[name] ?? 0) + 1;
      worker.start({ CHAOS_SKEW_MS: String(skewMs) });
    };
    for (const worker of workers) startSkewed(worker);
    producer.start();

    const phase = new AbortController();
    const { signal } = phase;
    let next = -1;
    const nextEvent = (): PlannedEvent | undefined => {
      next = Math.max(next + 1, Math.ceil((Date.now() - startMs) / intervalMs));
      return plan[next];
    };
    const [disturbances, copiedMessages, poisoned] = await Promise.all([
      disturb({
        exchange,
        random: seeded(seed + 2),
        spool: spool.path,
        names: names.filter((name) => name !== 'disk full' || spool.isOwn),
        nextEvent,
        signal,
      }),
      queues.copySome(seeded(seed + 3), signal),
      spreadPoison(exchange, {
        count: Math.max(6, Math.round(count / 100)),
        overMs: lengthMs * 0.8,
        random: seeded(seed + 4),
        signal,
      }),
      killNowAndThen(workers, producer, startSkewed, seeded(seed + 5), signal),
      tellProgress(effects, count, workers, producer, say, signal),
      sleep(lengthMs).then(() => phase.abort()),
    ]);
    say('nothing is disturbed any more');

    const calmMs = performance.now();
    await within(calmForMs, 'the producer did not come to its end', () => producer.isFinished);
    const codes = await stopAll(workers);
    const swept = await sweep({ ...config, producer: PRODUCER, outboxAgeMs: 0, unfinishedAgeMs: 0 });
    for (const worker of workers) worker.start();
    const isDrained = await within(calmForMs, '', async () => (await queues.left()) === 0).catch(() => false);
    const secondsToDrain = Math.round((performance.now() - calmMs) / 1000);
    codes.push(...(await stopAll(workers)));
    say(`drained in ${secondsToDrain} s; counting`);

    const runs = readLog<{ eventId: string; state: string }>(at.runs);
    const began = runs.filter(({ state }) => state === 'began');
    const kills = { workers: workers.reduce((sum, each) => sum + each.kills, 0), producer: producer.kills };
    const accidents = [...workers, producer].flatMap((each) => each.accidents);
    const unfinished = [
      ...swept.unfinished.map(({ eventId }) => eventId),
      ...swept.failed.map(({ eventId }) => eventId),
    ];
    const missing = Object.entries(disturbances).flatMap(([name, times]) => (times === 0 ? [name] : []));
    const checks: Check[] = [
      effectsOnce(plan, await effects.all()),
      await filesIdentical(plan, at.received),
      onlyPoisonDead(poisoned, await queues.dead()),
      await nothingLeft(spool.path),
      check('the queue is empty', isDrained ? [] : [`${await queues.left()} messages`], 'no message'),
      check(
        'nothing is left in outbox and intents',
        unfinished,
        `${swept.published.length} published by the sweeper, ${swept.strayUploads.length} stray uploads found`,
      ),
      check(
        'no process ended by itself, each ends with 0 on SIGTERM',
        [...accidents, ...codes.filter((code) => code !== 0).map(String)],
        `${codes.length} stops`,
      ),
      check(
        'enough was killed and everything disturbed',
        [...missing, ...(kills.workers + kills.producer < minutes * 5 ? ['too few kills'] : [])],
        `${kills.workers + kills.producer} kills`,
      ),
    ];
    return {
      seed,
      minutes,
      node: process.version,
      events: count,
      files: plan.flatMap(({ files }) => files).length,
      payloadBytes: plan.flatMap(({ files }) => files).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      kills,
      clockSkews,
      disturbances,
      faultsInjected: exchange.local.faults.hits,
      copiedMessages,
      handler: {
        runs: began.length,
        duplicateRuns: began.length - new Set(began.map(({ eventId }) => eventId)).size,
        effectStoodThere: runs.filter(({ state }) => state === 'effect-stood-there').length,
      },
      told: countTold(at.told),
      secondsToDrain,
      checks,
    };
  } finally {
    await Promise.all([...workers, producer].map(async (each) => await each.kill()));
    queues.close();
  }
}

/** A kill every four to ten seconds, of a worker three times in four; the process is back within two. */
async function killNowAndThen(
  workers: readonly Kept[],
  producer: Kept,
  startSkewed: (worker: Kept) => void,
  random: () => number,
  signal: AbortSignal,
): Promise<void> {
  const pause = async (ms: number): Promise<void> =>
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    await pause(4_000 + random() * 6_000);
    if (signal.aborted) return;
    const victim = random() < 0.75 || producer.isFinished ? pick(random, workers) : producer;
    await victim.kill();
    await pause(random() * 2_000);
    if (victim === producer) victim.start();
    else startSkewed(victim);
  }
}

async function tellProgress(
  effects: ReturnType<typeof effectsIn>,
  count: number,
  workers: readonly Kept[],
  producer: Kept,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(15_000, undefined, { signal }).catch(() => undefined);
    const kills = [...workers, producer].reduce((sum, each) => sum + each.kills, 0);
    say(`${await effects.count()} of ${count} effects, ${kills} kills`);
  }
}

const stopAll = async (workers: readonly Kept[]): Promise<(number | null)[]> =>
  await Promise.all(workers.map(async (worker) => await worker.stop()));

async function within(ms: number, otherwise: string, isSo: () => boolean | Promise<boolean>): Promise<true> {
  for (const endMs = performance.now() + ms; performance.now() < endMs; await sleep(250))
    if (await isSo()) return true;
  throw new Error(otherwise);
}

function countTold(path: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind, code } of readLog<{ kind: string; code: string }>(path)) {
    const name = kind === code ? kind : `${kind}: ${code}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** A small file system of its own, which can be filled without harm; only root may mount one. */
async function mountSpool(
  path: string,
  say: (line: string) => void,
): Promise<{ path: string; isOwn: boolean } & AsyncDisposable> {
  await mkdir(path);
  const isOwn = process.getuid?.() === 0;
  if (!isOwn && process.env['CI'] !== undefined) throw new Error('not root; in CI nothing may be skipped');
  if (!isOwn) say('skipped: the full disk (only root may mount a small file system)');
  if (isOwn) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SPOOL_MIB}m`, 'tmpfs', path]);
  return {
    path,
    isOwn,
    async [Symbol.asyncDispose]() {
      if (isOwn) execFileSync('umount', [path]);
    },
  };
}
