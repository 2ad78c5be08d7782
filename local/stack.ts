import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import type { Clock } from '../shared/clock.ts';
import { lockFile } from '../shared/file-lock.ts';
import { show } from '../shared/options.ts';
import type { LocalIdentity } from './authenticate.ts';
import { createCallers } from './caller.ts';
import { createDispatcher } from './dispatch.ts';
import { createEventBridgeService } from './eventbridge/service.ts';
import { createFaultSwitch, type FaultSwitch } from './faults.ts';
import {
  resolveLocalOptions,
  type LocalBucket,
  type LocalOptions,
  type ResolvedLocalOptions,
} from './local-options.ts';
import { createHooks, type LambdaHooks } from './lambda/hooks.ts';
import { listen } from './loopback-server.ts';
import { objectCreatedEvent } from './object-created.ts';
import type { LifecycleReport } from './s3/lifecycle/run.ts';
import type { ObjectCreatedEvent, S3ServiceOptions } from './s3/options.ts';
import { createProvisioner, type Provisioner } from './provision.ts';
import { createSpy, type Spy } from './spy.ts';
import { LOCAL_ACCOUNT_ID } from './sqs-store.ts';
import { createSqsService } from './sqs.ts';

/** What a bucket is to be. */
type BucketSettings = Required<Pick<LocalBucket, 'versioning'>> & Pick<LocalBucket, 'policy'>;

/** What a stack asks of its S3. */
export interface StackS3 {
  /** Answers a request. */
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Makes a bucket, if it is absent, and gives it its policy. */
  createBucket(name: string, options: BucketSettings): Promise<void>;
  /** Carries out what lifecycle rules say is due. */
  runLifecycle(): Promise<LifecycleReport>;
  close(): Promise<void>;
}

/** What any SDK v3 client needs to use the stack. */
export interface LocalClientOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly forcePathStyle: true;
}

/** A running local stack: S3, SQS and EventBridge on one loopback port. */
export interface LocalStack extends Provisioner, LambdaHooks, AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  /** Where its state is kept. */
  readonly dir: string;
  readonly clock: Clock;
  readonly accountId: typeof LOCAL_ACCOUNT_ID;
  /** Those of its first identity. */
  readonly credentials: LocalClientOptions['credentials'];
  readonly faults: FaultSwitch;
  readonly spy: Spy;
  queueUrl(name: string): string;
  queueArn(name: string): string;
  /**
   * Options for any SDK v3 client.
   * @param identity name or access key of the identity that signs @default - the first
   * @throws {TypeError} if there is no such identity
   * @example new S3Client(stack.clientOptions())
   */
  clientOptions(identity?: string): LocalClientOptions;
  /** Makes a bucket, if it is absent; with versioning unless told otherwise. */
  putBucket(bucket: string | LocalBucket): Promise<void>;
  /** Carries out what the buckets' lifecycle rules say is due by the stack's clock. Nothing else ever does. */
  runLifecycle(): Promise<LifecycleReport>;
  /** Ends long polls, lets answers finish for half a second, cuts the rest; removes a temporary directory. */
  close(): Promise<void>;
}

/**
 * Starts a stack around this S3.
 * @throws {TypeError|RangeError} if an option is malformed; the listening error, such as EADDRINUSE.
 */
export async function startStack(
  options: LocalOptions,
  createS3: (options: S3ServiceOptions) => StackS3 | Promise<StackS3>,
): Promise<LocalStack> {
  const resolved = resolveLocalOptions(options);
  const faults = createFaultSwitch(resolved.faults);
  const dir = resolved.dir === undefined ? undefined : resolve(resolved.dir);
  const undo: (() => PromiseLike<void> | void)[] = [];
  try {
    return await assemble(resolved, faults, dir ?? (await temporaryDir(undo)), createS3, undo);
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}

async function assemble(
  options: ResolvedLocalOptions,
  faults: FaultSwitch,
  dir: string,
  createS3: (options: S3ServiceOptions) => StackS3 | Promise<StackS3>,
  undo: (() => PromiseLike<void> | void)[],
): Promise<LocalStack> {
  const { clock, region, identities, logger, host, durability, assumeTls } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // Another stack in this directory would sweep our unfinished files, and we its own.
  const lock = await lockFile(join(dir, 'lock'));
  if ('heldBy' in lock) throw new TypeError(`dir: ${show(dir)} is in use by another stack of ${lock.heldBy}`);
  undo.push(() => lock[Symbol.asyncDispose]());
  let port = 0;
  const endpoint = (): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

  const spy = createSpy(clock);
  undo.push(() => spy.close());
  const path = options.dir === undefined ? undefined : join(dir, 'sqs', 'journal');
  const sqs = await createSqsService({ region, endpoint, spy, logger, path });
  undo.push(() => sqs.close());
  const events = await createEventBridgeService({ dir, region, clock, logger, queues: sqs, spy, faults });
  undo.push(() => events.close());
  const onObjectCreated = (created: ObjectCreatedEvent): void => {
    events.publishOwn(objectCreatedEvent(created)).catch((error: unknown) => {
      logger.error({ err: error, bucket: created.bucket }, 'Object Created was not delivered');
    });
  };
  const shared = { clock, region, identities, faults, assumeTls };
  const s3 = await createS3({ ...shared, dir: join(dir, 's3'), durability, onObjectCreated });
  undo.push(() => s3.close());

  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one for every request under way, each taken away with its answer
  const callerOf = createCallers(identities);
  const context = { ...shared, callerOf, logger, spy, closing: closing.signal };
  const server = await listen(host, options.port, createDispatcher({ sqs, events, s3 }, context));
  undo.push(() => server.close());
  undo.push(() => closing.abort());
  port = server.port;

  const provisioner = createProvisioner(sqs, events);
  const putBucket = async (bucket: string | LocalBucket): Promise<void> => {
    const { name, versioning = true, ...rest } = typeof bucket === 'string' ? { name: bucket } : bucket;
    await s3.createBucket(name, { versioning, ...rest });
  };
  for (const bucket of options.buckets) await putBucket(bucket);
  for (const queue of options.queues) await provisioner.putQueue(queue);
  for (const bus of options.buses) await provisioner.putBus(bus);
  for (const rule of options.rules) await provisioner.putRule(rule);
  for (const archive of options.archives) await provisioner.putArchive(archive);

  const hookContext = { sqs, region, clock, logger, host, identities, callerOf, rule: events.rule };
  const hooks = createHooks(hookContext);
  undo.push(() => hooks.close());

  const credentials = credentialsOf(identities[0]);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= unwind(undo));
  return {
    ...provisioner,
    ...hooks,
    putBucket,
    endpoint: endpoint(),
    port,
    region,
    dir,
    clock,
    accountId: LOCAL_ACCOUNT_ID,
    credentials,
    faults,
    spy,
    queueUrl: (name) => sqs.queueUrl(name),
    queueArn: (name) => sqs.queueArn(name),
    clientOptions: (identity) => ({
      endpoint: endpoint(),
      region,
      credentials: identity === undefined ? credentials : credentialsOf(findIdentity(identities, identity)),
      forcePathStyle: true,
    }),
    runLifecycle: async () => await s3.runLifecycle(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Undoes what was done, the last first. */
async function unwind(undo: (() => PromiseLike<void> | void)[]): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
}

async function temporaryDir(undo: (() => PromiseLike<void> | void)[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-local-'));
  undo.push(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

function findIdentity(identities: readonly LocalIdentity[], wanted: string): LocalIdentity {
  const found = identities.find(({ accessKeyId, name }) => name === wanted || accessKeyId === wanted);
  if (found === undefined)
    throw new TypeError(`identity: got ${show(wanted)}, expected the name or access key of an identity`);
  return found;
}

function credentialsOf(identity: LocalIdentity | undefined): LocalClientOptions['credentials'] {
  if (identity === undefined) throw new TypeError('identities: got an empty array, expected at least one');
  const { accessKeyId, secretAccessKey, sessionToken } = identity;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
