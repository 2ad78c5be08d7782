import type { Goal, Lane, RaceResult } from './race.ts';

/** Middle, lowest and highest of several runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What is printed of one contestant. */
export interface LaneSummary {
  readonly name: string;
  readonly checks: string;
  readonly wallSeconds: Spread;
  readonly insideSeconds: Spread | undefined;
  /** Times as fast as the reference, by the race's basis. */
  readonly ratio: number;
  readonly cpuSecondsPerGib: number;
  readonly peakRssBytes: number;
}

/** A goal, and what was measured. */
export interface JudgedGoal extends Goal {
  readonly measured: number;
  readonly verdict: 'aim reached' | 'floor reached' | 'missed';
}

const GIB = 1024 ** 3;

/** @throws {RangeError} for no values */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  if (low === undefined || high === undefined)
    throw new RangeError('values: got none, expected at least one');
  return { median: (low + high) / 2, min: Math.min(...values), max: Math.max(...values) };
}

export function summarise(race: RaceResult): LaneSummary[] {
  const reference = medianSeconds(laneOf(race, race.reference), race.basis);
  return race.lanes.map((lane) => {
    const inside = lane.samples.flatMap(({ insideSeconds }) => insideSeconds ?? []);
    return {
      name: lane.name,
      checks: lane.checks,
      wallSeconds: spread(lane.samples.map(({ wallSeconds }) => wallSeconds)),
      insideSeconds: inside.length === lane.samples.length ? spread(inside) : undefined,
      ratio: reference / medianSeconds(lane, race.basis),
      cpuSecondsPerGib: spread(lane.samples.map(({ cpuSeconds }) => cpuSeconds)).median / (race.bytes / GIB),
      peakRssBytes: Math.max(...lane.samples.map(({ peakRssBytes }) => peakRssBytes)),
    };
  });
}

/** Compares what was measured with what was meant to be. Goals of contestants that did not run are left out. */
export function judge(race: RaceResult): JudgedGoal[] {
  const ran = new Set(race.lanes.map(({ name }) => name));
  return race.goals
    .filter(({ contestant, peer = contestant }) => ran.has(contestant) && ran.has(peer))
    .map((goal) => {
      const measured = measuredOf(race, goal);
      const more = goal.metric === 'speed';
      const reaches = (limit: number): boolean => (more ? measured >= limit : measured <= limit);
      const missed = reaches(goal.floor) ? 'floor reached' : 'missed';
      return { ...goal, measured, verdict: reaches(goal.aim) ? 'aim reached' : missed };
    });
}

function measuredOf(race: RaceResult, { contestant, metric, peer = race.reference }: Goal): number {
  const lane = laneOf(race, contestant);
  const seconds = (name: string): number => medianSeconds(laneOf(race, name), race.basis);
  switch (metric) {
    case 'speed':
      return seconds(peer) / seconds(contestant);
    case 'extra-time':
      return seconds(contestant) / seconds(peer) - 1;
    case 'extra-bytes':
      return Math.max(...lane.samples.map(({ said }) => Number(said['fetchedBytes']))) / race.bytes - 1;
    case 'peak-rss':
      return Math.max(...lane.samples.map(({ peakRssBytes }) => peakRssBytes));
  }
}

function laneOf(race: RaceResult, name: string): Lane {
  const lane = race.lanes.find((each) => each.name === name);
  if (lane === undefined) throw new Error(`${race.id}: no contestant ${name}`);
  return lane;
}

function medianSeconds(lane: Lane, basis: 'wall' | 'inside' = 'wall'): number {
  return spread(
    lane.samples.map(({ wallSeconds, insideSeconds }) =>
      basis === 'inside' ? (insideSeconds ?? wallSeconds) : wallSeconds,
    ),
  ).median;
}
