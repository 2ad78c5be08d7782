import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { AwsError } from '../aws-error.ts';
import { compilePattern, type EventMatcher } from './pattern.ts';

/** Where matching events go. */
export interface Target {
  readonly Id: string;
  /** ARN of an SQS queue of this stack. */
  readonly Arn: string;
  readonly RoleArn?: string;
  readonly SqsParameters?: { readonly MessageGroupId?: string };
  readonly DeadLetterConfig?: { readonly Arn?: string };
  readonly RetryPolicy?: Readonly<Record<string, number>>;
}

/** A rule as it is kept. */
export interface StoredRule {
  readonly name: string;
  readonly eventPattern: string;
  readonly state: 'ENABLED' | 'DISABLED';
  readonly description?: string;
  readonly targets: readonly Target[];
}

/** A rule with its pattern compiled. */
export interface Rule extends StoredRule {
  readonly matches: EventMatcher;
}

/** A bus and its rules, in the order of their making. */
export interface Bus {
  readonly name: string;
  readonly description?: string;
  readonly createdAtMs: number;
  readonly rules: Map<string, Rule>;
}

/** Buses, rules and targets; kept on disk. */
export interface EventBridgeState {
  readonly buses: ReadonlyMap<string, Bus>;
  /** @throws {AwsError} ResourceNotFoundException */
  bus(name: string): Bus;
  /** @throws {AwsError} ResourceNotFoundException */
  rule(bus: string, name: string): Rule;
  putBus(bus: Omit<Bus, 'rules'>): Promise<void>;
  deleteBus(name: string): Promise<void>;
  /** @throws {AwsError} InvalidEventPatternException */
  putRule(bus: string, rule: StoredRule): Promise<void>;
  deleteRule(bus: string, name: string): Promise<void>;
}

interface StoredState {
  readonly version: 1;
  readonly buses: readonly (Omit<Bus, 'rules'> & { readonly rules: readonly StoredRule[] })[];
}

/** Opens the state in `dir`; a new one has the default bus only. Every change is on disk when its promise resolves. */
export async function openEventBridgeState(dir: string, nowMs: number): Promise<EventBridgeState> {
  await mkdir(dir, { recursive: true });
  const file = join(dir, 'eventbridge.json');
  const buses = new Map<string, Bus>();
  for (const { rules, ...bus } of (await load(file))?.buses ?? [])
    buses.set(bus.name, { ...bus, rules: new Map(rules.map((rule) => [rule.name, compiled(rule)])) });
  if (!buses.has('default')) buses.set('default', { name: 'default', createdAtMs: nowMs, rules: new Map() });

  // Writes queue up one behind the other; each writes the state as it is when its turn comes
  let lastWrite: Promise<void> = Promise.resolve();
  const writeAfter = async (previous: Promise<void>): Promise<void> => {
    await previous.catch(() => {}); // its own caller has the error
    await writeFile(`${file}.new`, JSON.stringify(snapshot(buses), undefined, 2));
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
  };
}

function compiled(rule: StoredRule): Rule {
  return { ...rule, matches: compilePattern(rule.eventPattern) };
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

function snapshot(buses: ReadonlyMap<string, Bus>): StoredState {
  const store = ({ rules, ...bus }: Bus): StoredState['buses'][number] => ({
    ...bus,
    rules: [...rules.values()].map(({ matches: _matches, ...rule }) => rule),
  });
  return { version: 1, buses: [...buses.values()].map((bus) => store(bus)) };
}
