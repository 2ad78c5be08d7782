import { measure, type Command, type Sample } from './measure.ts';

/** A client in a race. */
export interface Contestant {
  readonly name: string;
  /** What it compares with what it was told: `nothing`, `CRC32C`, … */
  readonly checks: string;
  /** The command of one run. Called outside the timing. */
  command(): Command | Promise<Command>;
  /** Called after every run, outside the timing. @throws {Error} when a byte is missing or wrong */
  verify(sample: Sample): Promise<void>;
  /** The first run, which is not timed, is this one instead: where bytes are discarded, it is the one that checks them. */
  readonly rehearse?: () => Promise<void>;
}

/** Clients that do the same work by turns. */
export interface Race {
  readonly id: string;
  readonly title: string;
  /** Bytes that each run moves. */
  readonly bytes: number;
  /** Requests that each run makes, if that is what counts. */
  readonly requests?: number;
  /** The contestant that ratios refer to. */
  readonly reference: string;
  /** `inside`: ratios compare the clients' own clocks, without start-up. @default 'wall' */
  readonly basis?: 'wall' | 'inside';
  readonly contestants: readonly Contestant[];
  readonly goals: readonly Goal[];
  /** Called before every run, outside the timing. */
  readonly beforeRun?: () => Promise<void>;
  /** Called after every run, when it has been verified. */
  readonly afterRun?: () => Promise<void>;
}

/** What one contestant is meant to reach. */
export interface Goal {
  readonly contestant: string;
  /** `speed`: times as fast as `peer`. `extra-time`: share more than `peer` takes. */
  readonly metric: 'speed' | 'peak-rss' | 'extra-time' | 'extra-bytes';
  readonly peer?: string;
  readonly floor: number;
  readonly aim: number;
}

/** All runs of one contestant, in the order of rounds. */
export interface Lane {
  readonly name: string;
  readonly checks: string;
  readonly samples: readonly Sample[];
}

/** A race that was run. */
export interface RaceResult extends Omit<Race, 'contestants' | 'beforeRun' | 'afterRun'> {
  readonly lanes: readonly Lane[];
}

/**
 * Runs a race: each contestant once untimed, then `rounds` rounds. Every round begins with another contestant, so
 * that none always follows the same one.
 * @throws {Error} when a client fails or its bytes are wrong: there is no result then
 */
export async function runRace(race: Race, rounds: number, log: (line: string) => void): Promise<RaceResult> {
  const { contestants, beforeRun, afterRun, ...rest } = race;
  const samples = new Map<string, Sample[]>(contestants.map(({ name }) => [name, []]));

  const once = async (contestant: Contestant): Promise<Sample> => {
    await beforeRun?.();
    const sample = await measure(await contestant.command());
    await contestant.verify(sample);
    await afterRun?.();
    return sample;
  };

  for (const contestant of contestants) {
    log(`${race.title}: ${contestant.name}, untimed`);
    await (contestant.rehearse?.() ?? once(contestant));
  }
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < contestants.length; turn += 1) {
      const contestant = contestants[(turn + round) % contestants.length];
      if (contestant === undefined) continue;
      const sample = await once(contestant);
      samples.get(contestant.name)?.push(sample);
      log(
        `${race.title}: ${contestant.name}, round ${round + 1} of ${rounds}: ${sample.wallSeconds.toFixed(2)} s`,
      );
    }
  }
  return {
    ...rest,
    lanes: contestants.map(({ name, checks }) => ({ name, checks, samples: samples.get(name) ?? [] })),
  };
}
