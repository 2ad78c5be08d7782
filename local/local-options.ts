import { randomBytes } from 'node:crypto';

import { systemClock, type Clock } from '../shared/clock.ts';
import { silentLogger, type Logger } from '../shared/logger.ts';
import { nonEmptyString, numberInRange, show } from '../shared/options.ts';
import type { LocalIdentity } from './authenticate.ts';
import { createCallers } from './caller.ts';
import type { FaultRule } from './faults.ts';
import type { Durability } from './s3/options.ts';

/** A bucket to have. */
export interface LocalBucket {
  readonly name: string;
  /** @default true */
  readonly versioning?: boolean;
  /** Its policy, as JSON; replaces the one it has. @default - it keeps what it has */
  readonly policy?: object;
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
  /** How long a message is kept, 60 to 1,209,600. @default 345_600, 4 days */
  readonly retentionSeconds?: number;
  /** Its policy, as JSON. Rules deliver to a queue with a policy only if it lets them. @default - none */
  readonly policy?: object;
}

/** A bus to have. */
export interface LocalBus {
  readonly name: string;
  /** Its policy, as JSON; replaces the one it has. @default - it keeps what it has */
  readonly policy?: object;
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
  /** Name of the queue for what cannot be delivered; it has to exist. @default - it is dropped */
  readonly deadLetterQueue?: string;
  /** How long delivery is tried. @default 185 times in 24 hours */
  readonly retryPolicy?: {
    readonly maximumRetryAttempts?: number;
    readonly maximumEventAgeInSeconds?: number;
  };
}

/** An archive that keeps the events of a bus, to be replayed. */
export interface LocalArchive {
  readonly name: string;
  /** @default 'default' */
  readonly bus?: string;
  /** Which events it keeps. @default - all */
  readonly pattern?: object;
  /** Days that it keeps them; 0 keeps them for ever. @default 0 */
  readonly retentionDays?: number;
}

/** What `startLocal` takes. */
export interface LocalOptions {
  /** 0 lets the system choose. @default 0 */
  readonly port?: number;
  /** A loopback address: the stack is for this machine only. @default '127.0.0.1' */
  readonly host?: string;
  /**
   * Where objects, queues with their messages, buses, rules and archives are kept.
   * @default - a fresh directory, removed on close; queues then live in memory only
   */
  readonly dir?: string;
  /**
   * What an object survives once its write is acknowledged: `process` a `kill -9` at any instant, `power` also
   * the loss of power, for several fsyncs a write. @default 'process'
   */
  readonly durability?: Durability;
  /** Decides expiry of URLs and signatures and dates events. SQS keeps the machine's time. @default systemClock */
  readonly clock?: Clock;
  /** @default 'us-east-1' */
  readonly region?: string;
  /** Faults in force from the start. @default - none */
  readonly faults?: readonly FaultRule[];
  /** Who may use the stack. @default - one, generated anew for every stack */
  readonly identities?: readonly LocalIdentity[];
  /**
   * Whether policies see requests as made over TLS (`aws:SecureTransport`, `s3:TlsVersion`). The stack speaks plain
   * HTTP on loopback, and a bucket whose policy demands TLS would refuse everything.
   * @default true
   */
  readonly assumeTls?: boolean;
  /** Made if absent. @default - none */
  readonly buckets?: readonly (string | LocalBucket)[];
  /** Made if absent, else changed to these settings. @default - none */
  readonly queues?: readonly LocalQueue[];
  /** Made if absent; `default` is always there. @default - none */
  readonly buses?: readonly (string | LocalBus)[];
  /** Put, replacing the rule of the same name. @default - none */
  readonly rules?: readonly LocalRule[];
  /** Made if absent, else changed to these settings. @default - none */
  readonly archives?: readonly LocalArchive[];
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
  const { durability = 'process' } = options;
  if (durability !== 'process' && durability !== 'power')
    throw new TypeError(`durability: got ${show(durability)}, expected 'process' or 'power'`);
  if (!/^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host))
    throw new TypeError(`host: got ${show(host)}, expected a loopback address`);
  if (identities.length === 0) throw new TypeError('identities: got an empty array, expected at least one');
  for (const { accessKeyId, secretAccessKey } of identities) {
    nonEmptyString('identities.accessKeyId', accessKeyId);
    nonEmptyString('identities.secretAccessKey', secretAccessKey);
  }
  createCallers(identities); // throws for those that are malformed
  return {
    port: numberInRange('port', options.port ?? 0, { min: 0, max: 65_535 }),
    host,
    dir: options.dir === undefined ? undefined : nonEmptyString('dir', options.dir),
    durability,
    clock: options.clock ?? systemClock,
    region: nonEmptyString('region', region),
    faults: options.faults ?? [],
    identities,
    assumeTls: options.assumeTls ?? true,
    buckets: options.buckets ?? [],
    queues: (options.queues ?? []).map((queue) => checkQueue(queue)),
    buses: options.buses ?? [],
    rules: options.rules ?? [],
    archives: options.archives ?? [],
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
    retentionSeconds: { min: 60, max: 1_209_600, unit: 's' },
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
