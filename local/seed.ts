import { z } from 'zod';

import { compilePattern } from './eventbridge/pattern.ts';
import type { LocalOptions } from './local-options.ts';

/** What a seed file may say: the part of `startLocal`'s options that is plain data. */
export type Seed = Pick<
  LocalOptions,
  'region' | 'identities' | 'buckets' | 'queues' | 'buses' | 'rules' | 'archives'
>;

const name = z.string().min(1);
const json = z.record(z.string(), z.unknown());
/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html */
const queueName = z.string().regex(/^(?=.{1,80}$)[\w-]+(\.fifo)?$/, {
  error: 'expected 1 to 80 letters, digits, hyphens and underscores, with .fifo at the end of a FIFO queue',
});
const pattern = json.superRefine((value, context) => {
  try {
    compilePattern(value);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'not valid' });
  }
});

const bucket = z.union(
  [name, z.strictObject({ name, versioning: z.boolean().optional(), policy: json.optional() })],
  {
    error: 'expected the name of a bucket, or an object with name, versioning and policy',
  },
);

const queue = z.strictObject({
  name: queueName,
  deadLetterQueue: queueName.optional(),
  maxReceiveCount: z.number().int().min(1).max(1_000).optional(),
  visibilityTimeoutSeconds: z.number().int().min(0).max(43_200).optional(),
  delaySeconds: z.number().int().min(0).max(900).optional(),
  receiveWaitTimeSeconds: z.number().int().min(0).max(20).optional(),
  retentionSeconds: z.number().int().min(60).max(1_209_600).optional(),
  policy: json.optional(),
});

const bus = z.union([name, z.strictObject({ name, policy: json.optional() })], {
  error: 'expected the name of a bus, or an object with name and policy',
});

const rule = z.strictObject({
  bus: name.optional(),
  name,
  pattern,
  queue: queueName,
  deadLetterQueue: queueName.optional(),
  retryPolicy: z
    .strictObject({
      maximumRetryAttempts: z.number().int().min(0).max(185).optional(),
      maximumEventAgeInSeconds: z.number().int().min(60).max(86_400).optional(),
    })
    .optional(),
});

const archive = z.strictObject({
  name,
  bus: name.optional(),
  pattern: pattern.optional(),
  retentionDays: z.number().int().min(0).optional(),
});

const identity = z.strictObject({
  accessKeyId: name,
  secretAccessKey: name,
  sessionToken: name.optional(),
  sessionExpiresAtMs: z.number().optional(),
  name: name.optional(),
  arn: name.optional(),
  policies: z.array(json).optional(),
  tags: z.record(z.string(), z.string()).optional(),
});

const seedSchema = z.strictObject({
  /** For editors that look for one. */
  $schema: z.string().optional(),
  region: name.optional(),
  identities: z.array(identity).min(1).optional(),
  buckets: z.array(bucket).optional(),
  queues: z.array(queue).optional(),
  buses: z.array(bus).optional(),
  rules: z.array(rule).optional(),
  archives: z.array(archive).optional(),
});

/**
 * Reads a seed file: a topology as JSON, to be handed to `startLocal`.
 * @throws {TypeError} naming the field at fault (`queues.0.maxReceiveCount`) and what was expected; a value is never
 * shown, for it may be a secret.
 * @example
 * await startLocal({ ...parseSeed(readFileSync('topology.json', 'utf8')), dir: '.stack' });
 */
export function parseSeed(text: string): Seed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const at = /position \d+(?: \(line \d+ column \d+\))?/.exec(String(error))?.[0];
    // oxlint-disable-next-line preserve-caught-error -- the cause's message quotes the file, which holds secrets
    throw new TypeError(`not JSON${at === undefined ? '' : `, at ${at}`}`);
  }
  const parsed = seedSchema.safeParse(value);
  if (parsed.success) {
    const { $schema: _schema, ...seed } = parsed.data;
    return withoutUndefined(seed) as Seed;
  }
  const issues = parsed.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? 'the file' : path.join('.')}: ${message}`,
  );
  throw new TypeError(issues.join('; '));
}

/** The optional fields of zod's output may be there and undefined; those of the options are absent then. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutUndefined(item));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(kept.map(([field, inner]) => [field, withoutUndefined(inner)]));
}
