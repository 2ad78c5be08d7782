import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { AwsError } from '../aws-error.ts';
import type { Archive, Replay } from './archive.ts';
import { compilePattern, type EventMatcher } from './pattern.ts';
import { compileTargetInput, type BodyWriter, type TargetInput } from './target-input.ts';

/** Where matching events go. */
export interface Target extends TargetInput {
  readonly Id: string;
  /** ARN of an SQS queue of this stack. */
  readonly Arn: string;
  readonly RoleArn?: string;
  readonly SqsParameters?: { readonly MessageGroupId?: string };
  readonly DeadLetterConfig?: { readonly Arn?: string };
  readonly RetryPolicy?: {
    /** 0 to 185. @default 185 */
    readonly MaximumRetryAttempts?: number;
    /** 60 to 86,400. @default 86_400 */
    readonly MaximumEventAgeInSeconds?: number;
  };
}

/** A target with its input compiled. */
export interface CompiledTarget extends Target {
  readonly write: BodyWriter;
}

/** A rule as it is kept: with a pattern, or with a schedule, or both. */
export interface StoredRule {
  readonly name: string;
  readonly eventPattern?: string;
  /** `rate(…)` or `cron(…)`. */
  readonly scheduleExpression?: string;
  readonly state: 'ENABLED' | 'DISABLED';
  readonly description?: string;
  readonly targets: readonly Target[];
}

/** A rule with its pattern compiled. */
export interface Rule extends StoredRule {
  /** Never true for a rule without a pattern. */
  readonly matches: EventMatcher;
  readonly compiledTargets: readonly CompiledTarget[];
}

/** A bus and its rules, in the order of their making. */
export interface Bus {
  readonly name: string;
  readonly description?: string;
  readonly createdAtMs: number;
  /** Text of its resource policy. */
  readonly policy?: string;
  readonly rules: Map<string, Rule>;
}

/** Buses, rules, targets, archives and replays; kept on disk. */
export interface EventBridgeState {
  readonly buses: ReadonlyMap<string, Bus>;
  /** By name; change it by `putArchive` and `deleteArchive`. */
  readonly archives: ReadonlyMap<string, Archive>;
  /** By name; change it by `putReplay`. */
  readonly replays: ReadonlyMap<string, Replay>;
  /** @throws {AwsError} ResourceNotFoundException */
  bus(name: string): Bus;
  /** @throws {AwsError} ResourceNotFoundException */
  rule(bus: string, name: string): Rule;
  putBus(bus: Omit<Bus, 'rules'>): Promise<void>;
  /** @throws {AwsError} ResourceNotFoundException */
  setBusPolicy(name: string, policy: string | undefined): Promise<void>;
  deleteBus(name: string): Promise<void>;
  /** @throws {AwsError} InvalidEventPatternException */
  putRule(bus: string, rule: StoredRule): Promise<void>;
  deleteRule(bus: string, name: string): Promise<void>;
  /** @throws {AwsError} InvalidEventPatternException */
  putArchive(archive: Omit<Archive, 'matches'>): Promise<void>;
  deleteArchive(name: string): Promise<void>;
  putReplay(replay: Replay): Promise<void>;
}

interface StoredState {
  readonly version: 1;
  readonly buses: readonly (Omit<Bus, 'rules'> & { readonly rules: readonly StoredRule[] })[];
  /** Absent from files of before there were archives. */
  readonly archives?: readonly Omit<Archive, 'matches'>[];
  readonly replays?: readonly Replay[];
}

/** Opens the state in `dir`; a new one has the default bus only. Every change is on disk when its promise resolves. */
export async function openEventBridgeState(dir: string, nowMs: number): Promise<EventBridgeState> {
  await mkdir(dir, { recursive: true });
  const file = join(dir, 'eventbridge.json');
  const buses = new Map<string, Bus>();
  const archives = new Map<string, Archive>();
  const replays = new Map<string, Replay>();
  const stored = await load(file);
  for (const archive of stored?.archives ?? []) archives.set(archive.name, compiledArchive(archive));
  for (const replay of stored?.replays ?? []) replays.set(replay.name, afterRestart(replay));
  for (const { rules, ...bus } of stored?.buses ?? [])
    buses.set(bus.name, { ...bus, rules: new Map(rules.map((rule) => [rule.name, compiled(rule)])) });
  if (!buses.has('default')) buses.set('default', { name: 'default', createdAtMs: nowMs, rules: new Map() });

  // Writes queue up one behind the other; each writes the state as it is when its turn comes
  let lastWrite: Promise<void> = Promise.resolve();
  const writeAfter = async (previous: Promise<void>): Promise<void> => {
    await previous.catch(() => {}); // its own caller has the error
    await writeFile(`${file}.new`, JSON.stringify(snapshot(buses, archives, replays), undefined, 2));
    await rename(`${file}.new`, file);
  };
  const save = async (): Promise<void> => {
    lastWrite = writeAfter(lastWrite);
    await lastWrite;
  };

  const bus = (name: string): Bus => {
    const found = buses.get(name);
    if (found === undefined)
      throw new AwsError('ResourceNotFoundException', `Event bus ${name} does not exist.`);
    return found;
  };

  return {
    buses,
    archives,
    replays,
    bus,
    rule: (busName, name) => {
      const found = bus(busName).rules.get(name);
      if (found === undefined)
        throw new AwsError(
          'ResourceNotFoundException',
          `Rule ${name} does not exist on EventBus ${busName}.`,
        );
      return found;
    },
    putBus: async (given) => {
      buses.set(given.name, { ...given, rules: new Map() });
      await save();
    },
    setBusPolicy: async (name, policy) => {
      const { policy: _before, ...rest } = bus(name);
      buses.set(name, policy === undefined ? rest : { ...rest, policy });
      await save();
    },
    deleteBus: async (name) => {
      buses.delete(name);
      await save();
    },
    putRule: async (busName, rule) => {
      bus(busName).rules.set(rule.name, compiled(rule));
      await save();
    },
    deleteRule: async (busName, name) => {
      bus(busName).rules.delete(name);
      await save();
    },
    putArchive: async (archive) => {
      archives.set(archive.name, compiledArchive(archive));
      await save();
    },
    deleteArchive: async (name) => {
      archives.delete(name);
      await save();
    },
    putReplay: async (replay) => {
      replays.set(replay.name, replay);
      await save();
    },
  };
}

/** A rule without what was compiled. */
export function storedRule({ matches: _matches, compiledTargets: _targets, ...rule }: Rule): StoredRule {
  return rule;
}

function compiled(rule: StoredRule): Rule {
  return {
    ...rule,
    matches: rule.eventPattern === undefined ? () => false : compilePattern(rule.eventPattern),
    compiledTargets: rule.targets.map((target) => ({
      ...target,
      write: compileTargetInput(target, target.Id),
    })),
  };
}

function compiledArchive(archive: Omit<Archive, 'matches'>): Archive {
  const { eventPattern } = archive;
  return { ...archive, matches: eventPattern === undefined ? () => true : compilePattern(eventPattern) };
}

/** A replay under way ends with the stack. */
function afterRestart(replay: Replay): Replay {
  if (replay.state === 'COMPLETED' || replay.state === 'CANCELLED' || replay.state === 'FAILED')
    return replay;
  return { ...replay, state: 'FAILED', stateReason: 'The stack was stopped.' };
}

async function load(file: string): Promise<StoredState | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text) as StoredState;
}

function snapshot(
  buses: ReadonlyMap<string, Bus>,
  archives: ReadonlyMap<string, Archive>,
  replays: ReadonlyMap<string, Replay>,
): StoredState {
  const store = ({ rules, ...bus }: Bus): StoredState['buses'][number] => ({
    ...bus,
    rules: [...rules.values()].map((rule) => storedRule(rule)),
  });
  return {
    version: 1,
    buses: [...buses.values()].map((bus) => store(bus)),
    archives: [...archives.values()].map(({ matches: _matches, ...archive }) => archive),
    replays: [...replays.values()],
  };
}
