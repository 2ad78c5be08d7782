import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { LOCAL_ACCOUNT_ID, startLocal, type FaultRule, type LocalStack, type Seed } from '../local/index.ts';
import {
  createUrlService,
  startUrlServiceServer,
  type UploadPolicy,
  type UrlServiceServer,
} from '../producers/index.ts';
import {
  createClaimCheckVerifier,
  generateProducerKey,
  parseProducerKeys,
  parseSigningKey,
  serialiseProducerKeys,
  serialiseSigningKey,
  type ProducerKey,
  type SigningKeyFile,
} from '../shared/claim-check.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { MAX_PRESIGN_SECONDS } from '../shared/limits.ts';
import { payloadBucketPolicy } from '../shared/payload-policy.ts';
import type { StoreOptions, StoresOptions } from '../shared/stores.ts';
import { topologySeed } from '../shared/topology-seed.ts';
import {
  consumerNames,
  exchangeNames,
  PAYLOAD_PREFIX,
  PAYLOAD_STORE,
  resolveTopology,
  UPLOAD_PREFIX,
} from '../shared/topology.ts';
import { readIfThere, writePrivateFile } from './kept-file.ts';
import { startLocalUploads, UPLOAD_NAMES, type LocalUploads } from './local-uploads.ts';
import { tapGrants } from './page/grants.ts';
import { createPage, type Page } from './page/page.ts';
import { shellQuote } from './values.ts';

const PRODUCER = 'local-producer';
const CONSUMER = 'consumer';

/** What `waybill up` makes: one producer, and one consumer that gets everything. */
export const LOCAL_TOPOLOGY = resolveTopology({
  producers: [{ name: PRODUCER }],
  consumers: [{ name: CONSUMER }],
});

/** Names of what `waybill up` makes. */
export const LOCAL_NAMES = {
  store: PAYLOAD_STORE,
  bucket: exchangeNames(LOCAL_TOPOLOGY).payloadBucket,
  controlBucket: exchangeNames(LOCAL_TOPOLOGY).controlBucket,
  bus: exchangeNames(LOCAL_TOPOLOGY).bus,
  queue: consumerNames(LOCAL_TOPOLOGY, CONSUMER).queue,
  deadLetterQueue: consumerNames(LOCAL_TOPOLOGY, CONSUMER).deadLetterQueue,
  producer: PRODUCER,
  caller: 'local-consumer',
} as const;

export interface ExchangeOptions {
  /** Where everything is kept; made if absent. */
  readonly dir: string;
  /** @default 0, any free port */
  readonly port?: number;
  /** @default 0, any free port */
  readonly urlServicePort?: number;
  /** @default 0, any free port */
  readonly uploadPort?: number;
  /** What may be uploaded from outside. @default - images, videos, and documents of any kind */
  readonly uploadPolicy?: UploadPolicy | undefined;
  /** Origins of pages that may upload, beside the upload service's own. @default [] */
  readonly origins?: readonly string[];
  /** Life of the URLs that the URL service gives, in seconds. @default 900 */
  readonly urlTtlSeconds?: number;
  /** What to have beside the exchange's own bucket, bus and queues. @default - nothing */
  readonly seed?: Seed;
  /** Serve the page at the upload service's address. @default false */
  readonly page?: boolean;
  readonly clock?: Clock;
  readonly faults?: readonly FaultRule[];
  readonly logger: Logger;
}

/** The whole exchange on one machine: the embedded stack and the URL service. */
export interface LocalExchange extends AsyncDisposable {
  readonly local: LocalStack;
  readonly urlService: UrlServiceServer;
  readonly uploads: LocalUploads;
  readonly stores: StoresOptions;
  /** The control bucket, where records live. */
  readonly control: StoreOptions;
  readonly signingKey: SigningKeyFile;
  readonly producerKeys: readonly ProducerKey[];
  /** Variables for producers and consumers, as `.waybill.env` holds them. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Starts the exchange on loopback. Keys and credentials are made once and kept in `dir`. */
export async function startExchange(options: ExchangeOptions): Promise<LocalExchange> {
  const dir = resolve(options.dir);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const credentials = await keptCredentials(join(dir, 'credentials.json'));
  const keys = await keptKeys(dir);
  const clock = options.clock === undefined ? {} : { clock: options.clock };
  const { seed = {} } = options;
  const own = topologySeed(LOCAL_TOPOLOGY);
  const local = await startLocal({
    ...seed,
    port: options.port ?? 0,
    dir,
    identities: [{ ...credentials, name: LOCAL_NAMES.caller }, ...(seed.identities ?? [])],
    buckets: [...own.buckets, ...(seed.buckets ?? [])],
    buses: [...own.buses, ...(seed.buses ?? [])],
    queues: [...own.queues, ...(seed.queues ?? [])],
    rules: [...(seed.rules ?? []), ...own.rules],
    archives: [...own.archives, ...(seed.archives ?? [])],
    faults: options.faults ?? [],
    ...clock,
  });
  let page: Page | undefined;
  try {
    const at = { region: local.region, endpoint: local.endpoint, pathStyle: true };
    const stores: StoresOptions = { [LOCAL_NAMES.store]: { bucket: LOCAL_NAMES.bucket, ...at } };
    const control: StoreOptions = { bucket: LOCAL_NAMES.controlBucket, ...at };
    const grants = tapGrants(options.logger);
    const service = createUrlService({
      stores,
      credentials,
      verifier: createClaimCheckVerifier({ keys: keys.producerKeys, ...clock }),
      callers: { [LOCAL_NAMES.caller]: { types: '*', prefixes: [PAYLOAD_PREFIX, UPLOAD_PREFIX] } },
      urlTtlSeconds: options.urlTtlSeconds ?? 900,
      logger: grants.logger,
      ...clock,
    });
    const urlService = await startUrlServiceServer({
      service,
      port: options.urlServicePort ?? 0,
      region: local.region,
      identities: [{ ...credentials, caller: LOCAL_NAMES.caller }],
      logger: options.logger,
      ...clock,
    });
    const s3 = new S3Client(local.clientOptions());
    await putPayloadPolicy(s3);
    const servePage = async (token: () => Promise<string>): Promise<Page['serve']> => {
      const { queue, deadLetterQueue } = LOCAL_NAMES;
      const watched = { local, stores, queue, deadLetterQueue, grants, logger: options.logger };
      page = await createPage({ storeOrigin: local.endpoint, token, exchange: watched });
      return page.serve;
    };
    const uploads = await startLocalUploads({
      local,
      stores,
      control,
      bus: LOCAL_NAMES.bus,
      bucket: LOCAL_NAMES.bucket,
      s3,
      credentials,
      signingKey: keys.uploadSigningKey,
      dir,
      port: options.uploadPort ?? 0,
      policy: options.uploadPolicy,
      origins: options.origins,
      page: options.page === true ? servePage : undefined,
      logger: options.logger,
      ...clock,
    });
    return {
      local,
      urlService,
      uploads,
      stores,
      control,
      ...keys,
      variables: {
        AWS_ENDPOINT_URL: local.endpoint,
        AWS_REGION: local.region,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        WAYBILL_STORES: JSON.stringify(stores),
        WAYBILL_CONTROL: JSON.stringify(control),
        WAYBILL_BUS: LOCAL_NAMES.bus,
        WAYBILL_QUEUE: local.queueUrl(LOCAL_NAMES.queue),
        WAYBILL_URL_SERVICE: urlService.url,
        WAYBILL_UPLOADS: uploads.server.url,
        WAYBILL_UPLOAD_TOKEN: uploads.token,
        WAYBILL_SIGNING_KEY: join(dir, 'signing-key.json'),
        WAYBILL_PRODUCER_KEYS: join(dir, 'producer-keys.json'),
      },
      [Symbol.asyncDispose]: async () => {
        await page?.[Symbol.asyncDispose]();
        await uploads[Symbol.asyncDispose]();
        await urlService.close();
        s3.destroy();
        await local.close();
      },
    };
  } catch (error) {
    await page?.[Symbol.asyncDispose]();
    await local.close();
    throw error;
  }
}

/** The policy that the bucket has on AWS, so that what is revoked, or overwritten, is refused here as there. */
async function putPayloadPolicy(s3: S3Client): Promise<void> {
  const policy = payloadBucketPolicy({
    bucketArn: `arn:aws:s3:::${LOCAL_NAMES.bucket}`,
    urlMaxAgeSeconds: MAX_PRESIGN_SECONDS,
    revokerArns: [`arn:aws:iam::${LOCAL_ACCOUNT_ID}:user/${LOCAL_NAMES.caller}`],
  });
  await s3.send(new PutBucketPolicyCommand({ Bucket: LOCAL_NAMES.bucket, Policy: JSON.stringify(policy) }));
}

/** Shell text that sets the variables; a profile or session token of the caller's would win over them. */
export function environmentFile(variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${shellQuote(value)}`);
  return [
    '# Written by `waybill up`. Holds credentials of the embedded stack.',
    'unset AWS_PROFILE AWS_SESSION_TOKEN',
    ...lines,
    '',
  ].join('\n');
}

/** The credentials of a directory's owner, made once. */
export async function keptCredentials(
  path: string,
): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const kept = await readIfThere(path);
  if (kept !== undefined) return JSON.parse(kept) as { accessKeyId: string; secretAccessKey: string };
  const fresh = { accessKeyId: 'WAYBILLLOCAL', secretAccessKey: randomBytes(24).toString('base64url') };
  await writePrivateFile(path, `${JSON.stringify(fresh)}\n`);
  return fresh;
}

interface KeptKeys {
  readonly signingKey: SigningKeyFile;
  readonly uploadSigningKey: SigningKeyFile;
  readonly producerKeys: ProducerKey[];
}

/** The keys of the local producer and of the upload service; a directory of an earlier version gets what it lacks. */
async function keptKeys(dir: string): Promise<KeptKeys> {
  const path = (name: string): string => join(dir, name);
  const kept = await readIfThere(path('producer-keys.json'));
  const producerKeys = kept === undefined ? [] : parseProducerKeys(kept);
  const keyOf = async (
    file: string,
    issuer: string,
    prefixes: readonly string[],
  ): Promise<SigningKeyFile> => {
    const text = await readIfThere(path(file));
    if (text !== undefined && producerKeys.some((key) => key.issuer === issuer)) return parseSigningKey(text);
    const { signingKey, producerKey } = generateProducerKey({ issuer });
    producerKeys.push({ ...producerKey, prefixes });
    await writePrivateFile(path(file), serialiseSigningKey(signingKey));
    await writePrivateFile(path('producer-keys.json'), serialiseProducerKeys(producerKeys));
    return signingKey;
  };
  const { producer } = LOCAL_NAMES;
  return {
    signingKey: await keyOf('signing-key.json', producer, [`${PAYLOAD_PREFIX}${producer}/`]),
    uploadSigningKey: await keyOf('upload-signing-key.json', UPLOAD_NAMES.issuer, [UPLOAD_PREFIX]),
    producerKeys,
  };
}
