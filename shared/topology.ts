import { z } from 'zod';
import { isPrefix } from './key-prefix.ts';
import { checkRetainDays, lifecycleDays, minimumRetainDays, type DeliveryTimes } from './retention.ts';

/** Logical name of the store that holds payloads, as events name it. */
export const PAYLOAD_STORE = 'payloads';

/** Prefix of every payload's key; write-once by the bucket's policy. */
export const PAYLOAD_PREFIX = 'payloads/';

/** Under which name a template's metadata hold the topology that it was made from. */
export const TOPOLOGY_METADATA = 'Waybill::Topology';

/** Prefix of what browsers upload. */
export const UPLOAD_PREFIX = 'uploads/';

/** Longest that SQS keeps a message, in days. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
export const MAX_QUEUE_RETENTION_DAYS = 14;

/** Longest URL age for which a bucket policy still lets a GET through, in days: that of SigV4 itself. */
const MAX_URL_AGE_SECONDS = 604_800;

const busWord = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,128}$/, 'expected 1 to 128 characters of A-Z a-z 0-9 . _ -');
const types = z.union([z.literal('*'), z.array(busWord).min(1)], {
  error: "expected '*' or a list of event types",
});
const bucketName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected a bucket name of 3 to 63 characters');
const prefix = z
  .string()
  .refine((value) => isPrefix(value), 'expected a key prefix such as payloads/<producer>/');
const days = (max: number) => z.int().min(1).max(max);

/**
 * Who may take the role: ARNs of roles or users, accounts by their twelve digits, services such as
 * `ecs-tasks.amazonaws.com`. The embedded stack has no use for it.
 * @default - whomever the account's administrators let
 */
const principals = z
  .array(
    z
      .string()
      .regex(
        /^(arn:aws[\w-]*:(iam|sts)::\d{12}:\S+|\d{12}|[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?)$/,
        'expected the ARN of a role or user, an account of 12 digits, or a service',
      ),
  )
  .default([]);

const producerSchema = z.strictObject({
  /** `source` of its events, segment of its keys, issuer of its claim checks. */
  name: busWord.refine((value) => !/^aws\./i.test(value), 'expected a name that does not begin with "aws."'),
  /** Event types that it may publish. */
  types: types.default('*'),
  /**
   * Days for which its events promise that a payload exists (`retainUntil`).
   * @default - the least that is safe, 73 with the other defaults
   */
  retainDays: days(36_500).optional(),
  principals,
});

/** What reserves room for `-dlq` and the like within the 80 characters of a queue's name. */
const consumerName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,39}$/, 'expected a letter and up to 39 letters, digits and hyphens');

const consumerSchema = z
  .strictObject({
    name: consumerName,
    /** Event types that it gets. */
    types: types.optional(),
    /**
     * An EventBridge pattern instead of types. `detail.replayfor` is not for it to say.
     * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
     */
    pattern: z.record(z.string(), z.unknown()).optional(),
    /** Producers whose payloads it may ask the URL service for. */
    producers: z.union([z.literal('*'), z.array(busWord).min(1)]).default('*'),
    /** Days that its queue keeps a message. */
    retentionDays: days(MAX_QUEUE_RETENTION_DAYS).default(14),
    /** First visibility timeout; the worker's heartbeat extends it. */
    visibilityTimeoutSeconds: z.int().min(10).max(43_200).default(60),
    /** Receives before SQS moves a message to the dead-letter queue. */
    maxReceiveCount: z.int().min(1).max(1_000).default(20),
    principals,
  })
  .refine(({ types, pattern }) => types === undefined || pattern === undefined, {
    path: ['pattern'],
    message: 'expected types or a pattern, not both',
  })
  .refine(({ pattern }) => !Object.hasOwn(detailOf(pattern), 'replayfor'), {
    path: ['pattern', 'detail', 'replayfor'],
    message: 'expected nothing: the rule says itself which replays are for this consumer',
  });

/** The description of one exchange: what the CDK stack deploys, and what the embedded stack starts with. */
export const topologySchema = z
  .strictObject({
    /** Begins the names of all that is made. */
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,29}$/, 'expected a small letter and up to 29 of a-z 0-9 -')
      .default('waybill'),
    buckets: z
      .strictObject({
        /** @default - <name>-payloads; on AWS a name that CloudFormation makes up */
        payloads: bucketName.optional(),
        /** @default - <name>-control; on AWS a name that CloudFormation makes up */
        control: bucketName.optional(),
      })
      .prefault({}),
    archive: z
      .strictObject({
        /** Days that the bus's archive keeps events. */
        retentionDays: days(3_650).default(30),
      })
      .prefault({}),
    retention: z
      .strictObject({
        /** Days after which the lifecycle removes a payload. @default - what its producers promise */
        payloadDays: days(36_500).optional(),
        /** Days that a version stays after it was overwritten or deleted. @default - what its producers promise */
        noncurrentDays: days(36_500).optional(),
        /** Days after which an unfinished multipart upload is aborted. */
        unfinishedUploadDays: days(365).default(7),
        /** Days that logs are kept. */
        logDays: days(3_653).default(90),
      })
      .prefault({}),
    /** Age from which the payload bucket refuses a query-signed URL or a form, whatever the URL itself says. */
    urlMaxAgeSeconds: z.int().min(60).max(MAX_URL_AGE_SECONDS).default(3_600),
    producers: z.array(producerSchema).default([]),
    consumers: z.array(consumerSchema).default([]),
    /** Origins (`https://host[:port]`) whose pages may upload and download. */
    origins: z
      .array(z.string().refine(isOrigin, 'expected an origin such as https://app.example.com'))
      .default([]),
    /** Further prefixes of the payload bucket that are write-once. */
    writeOncePrefixes: z.array(prefix).default([]),
  })
  .refine((topology) => unique(topology.producers), {
    path: ['producers'],
    message: 'expected names that differ',
  })
  .refine((topology) => unique(topology.consumers), {
    path: ['consumers'],
    message: 'expected names that differ',
  })
  .transform((topology) => {
    const least = minimumRetainDays(deliveryTimesOf(topology));
    const producers = topology.producers.map((each) => ({ ...each, retainDays: each.retainDays ?? least }));
    const promised = longestPromise(producers, least);
    const { payloadDays = lifecycleDays(promised), noncurrentDays = payloadDays } = topology.retention;
    return { ...topology, producers, retention: { ...topology.retention, payloadDays, noncurrentDays } };
  });

/** A topology as it is written down: what has a default may be left out. */
export type TopologyInput = z.input<typeof topologySchema>;
/** A topology with every default filled in. */
export type Topology = z.output<typeof topologySchema>;
export type TopologyProducer = Topology['producers'][number];
export type TopologyConsumer = Topology['consumers'][number];

/**
 * Checks a topology and fills in the defaults.
 * @throws {TypeError} naming the field and what was expected
 * @throws {RangeError} if payloads would be gone while their events may be on the way
 */
export function resolveTopology(input: TopologyInput): Topology {
  const parsed = topologySchema.safeParse(input);
  if (parsed.success) return checkRetention(parsed.data);
  const issues = parsed.error.issues.map(({ path, message }) => `topology.${path.join('.')}: ${message}`);
  throw new TypeError(issues.join('; '));
}

/** Names of what the whole exchange shares. */
export function exchangeNames(topology: Topology) {
  const { name, buckets } = topology;
  return {
    payloadBucket: buckets.payloads ?? `${name}-payloads`,
    controlBucket: buckets.control ?? `${name}-control`,
    bus: name,
    archive: `${name}-archive`,
  };
}

/** Names of what one consumer has. */
export function consumerNames(topology: Topology, consumer: string) {
  const base = `${topology.name}-${consumer}`;
  return {
    queue: base,
    /** Where the worker and `maxReceiveCount` put what cannot be handled. */
    deadLetterQueue: `${base}-dlq`,
    /** Where EventBridge puts what it could not deliver to the queue. */
    targetDeadLetterQueue: `${base}-undelivered`,
    rule: base,
  };
}

/** What the archive keeps: every event, but not its replays, which are in it already. */
export const archivePattern: Readonly<Record<string, unknown>> = {
  source: [{ prefix: '' }],
  detail: { replayid: [{ exists: false }] },
};

/**
 * The event pattern of a consumer's rule: its types or its own pattern, and of replays only those that are for
 * everyone or for itself. Every rule that leads to a consumer's queue must be made by this.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function consumerRulePattern(
  consumer: Pick<TopologyConsumer, 'name'> & Partial<Pick<TopologyConsumer, 'types' | 'pattern'>>,
): Readonly<Record<string, unknown>> {
  const { name, types = '*', pattern } = consumer;
  const ofTypes = types === '*' ? { source: [{ prefix: '' }] } : { 'detail-type': [...types] };
  const base = pattern ?? ofTypes;
  return { ...base, detail: { ...detailOf(base), replayfor: [{ exists: false }, name] } };
}

function detailOf(pattern: Readonly<Record<string, unknown>> | undefined): object {
  const detail = pattern?.['detail'];
  return typeof detail === 'object' && detail !== null ? detail : {};
}

function unique(named: readonly { readonly name: string }[]): boolean {
  return new Set(named.map(({ name }) => name.toLowerCase())).size === named.length;
}

function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/**
 * How long an event may be on its way in an exchange: in the longest of its queues, in dead-letter queues that keep
 * what they have for as long as SQS can, and then in the archive.
 */
export function deliveryTimesOf({
  consumers,
  archive,
}: {
  readonly consumers: readonly { readonly retentionDays: number }[];
  readonly archive: { readonly retentionDays: number };
}): DeliveryTimes {
  const queueDays = consumers.map(({ retentionDays }) => retentionDays);
  return {
    queueDays: queueDays.length === 0 ? MAX_QUEUE_RETENTION_DAYS : Math.max(...queueDays),
    replayDays: archive.retentionDays,
  };
}

function longestPromise(producers: readonly { readonly retainDays: number }[], leastDays: number): number {
  return Math.max(leastDays, ...producers.map(({ retainDays }) => retainDays));
}

/** A version that was overwritten on its first day is as much promised as any: browser uploads may be. */
function checkRetention(topology: Topology): Topology {
  const { producers, retention } = topology;
  const times = deliveryTimesOf(topology);
  for (const [index, { retainDays }] of producers.entries())
    checkRetainDays(`topology.producers.${index}.retainDays`, retainDays, times);
  const promised = longestPromise(producers, minimumRetainDays(times));
  for (const field of ['payloadDays', 'noncurrentDays'] as const)
    if (retention[field] < promised)
      throw new RangeError(
        `topology.retention.${field}: got ${retention[field]}, expected at least ${promised}: events promise ` +
          `(retainUntil) that payloads exist for so many days`,
      );
  return topology;
}
