import { randomBytes } from 'node:crypto';

import { systemClock, type Clock } from '../shared/clock.ts';
import { silentLogger, type Logger } from '../shared/logger.ts';
import { nonEmptyString, numberInRange, show } from '../shared/options.ts';
import type { LocalIdentity } from './authenticate.ts';
import type { FaultRule } from './faults.ts';

/** A bucket to have. */
export interface LocalBucket {
  readonly name: string;
  /** @default true */
  readonly versioning?: boolean;
}

/** A queue to have; FIFO if its name ends with `.fifo`. */
export interface LocalQueue {
  readonly name: string;
  /** Name of its dead-letter queue, made if absent. @default - none */
  readonly deadLetterQueue?: string;
  /** Receives before a message moves to the dead-letter queue, 1 to 1000. @default 20 */
  readonly maxReceiveCount?: number;
  /** 0 to 43,200. @default 30 */
  readonly visibilityTimeoutSeconds?: number;
  /** 0 to 900. @default 0 */
  readonly delaySeconds?: number;
  /** Default long poll of its receivers, 0 to 20. @default 0 */
  readonly receiveWaitTimeSeconds?: number;
}

/** A rule that sends matching events to a queue. */
export interface LocalRule {
  /** @default 'default' */
  readonly bus?: string;
  readonly name: string;
  /** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html */
  readonly pattern: object;
  /** Name of the queue. */
  readonly queue: string;
}

/** What `startLocal` takes. */
export interface LocalOptions {
  /** 0 lets the system choose. @default 0 */
  readonly port?: number;
  /** A loopback address: the stack is for this machine only. @default '127.0.0.1' */
  readonly host?: string;
  /** Where objects, buses and rules are kept; queues are in memory. @default - a fresh directory, removed on close */
  readonly dir?: string;
  /** Decides expiry of URLs and signatures and dates events. SQS keeps the machine's time. @default systemClock */
  readonly clock?: Clock;
  /** @default 'us-east-1' */
  readonly region?: string;
  /** Faults in force from the start. @default - none */
  readonly faults?: readonly FaultRule[];
  /** Who may use the stack. @default - one, generated anew for every stack */
  readonly identities?: readonly LocalIdentity[];
  /** Made if absent. @default - none */
  readonly buckets?: readonly (string | LocalBucket)[];
  /** Made anew, for queues are in memory. @default - none */
  readonly queues?: readonly LocalQueue[];
  /** Made if absent; `default` is always there. @default - none */
  readonly buses?: readonly string[];
  /** Put, replacing the rule of the same name. @default - none */
  readonly rules?: readonly LocalRule[];
  /** @default silentLogger */
  readonly logger?: Logger;
}

/** The options with everything decided; `dir` stays open until it is made. */
export type ResolvedLocalOptions = Required<Omit<LocalOptions, 'dir'>> & { readonly dir: string | undefined };

/**
 * Checks the options and fills in the defaults.
 * @throws {TypeError|RangeError} naming the field, the value given and what was expected.
 */
export function resolveLocalOptions(options: LocalOptions): ResolvedLocalOptions {
  const { host = '127.0.0.1', region = 'us-east-1', identities = [generateIdentity()] } = options;
  if (!/^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host))
    throw new TypeError(`host: got ${show(host)}, expected a loopback address`);
  if (identities.length === 0) throw new TypeError('identities: got an empty array, expected at least one');
  for (const { accessKeyId, secretAccessKey } of identities) {
    nonEmptyString('identities.accessKeyId', accessKeyId);
    nonEmptyString('identities.secretAccessKey', secretAccessKey);
  }
  return {
    port: numberInRange('port', options.port ?? 0, { min: 0, max: 65_535 }),
    host,
    dir: options.dir === undefined ? undefined : nonEmptyString('dir', options.dir),
    clock: options.clock ?? systemClock,
    region: nonEmptyString('region', region),
    faults: options.faults ?? [],
    identities,
    buckets: options.buckets ?? [],
    queues: (options.queues ?? []).map((queue) => checkQueue(queue)),
    buses: options.buses ?? [],
    rules: options.rules ?? [],
    logger: options.logger ?? silentLogger,
  };
}

/** Checks one queue. @throws {TypeError|RangeError} naming the field. */
export function checkQueue(queue: LocalQueue): LocalQueue {
  nonEmptyString('queues.name', queue.name);
  const bounds = {
    maxReceiveCount: { min: 1, max: 1_000 },
    visibilityTimeoutSeconds: { min: 0, max: 43_200, unit: 's' },
    delaySeconds: { min: 0, max: 900, unit: 's' },
    receiveWaitTimeSeconds: { min: 0, max: 20, unit: 's' },
  } as const;
  for (const [field, range] of Object.entries(bounds)) {
    const value = queue[field as keyof typeof bounds];
    if (value !== undefined) numberInRange(`queues.${field}`, value, range);
  }
  return queue;
}

function generateIdentity(): LocalIdentity {
  return {
    accessKeyId: `LOCAL${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
    name: 'local',
  };
}
