import { join } from 'node:path';
import { PutBucketCorsCommand, type S3Client } from '@aws-sdk/client-s3';
import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import type { LocalStack } from '../local/index.ts';
import {
  createFileLinks,
  createIntake,
  createPublisher,
  createUploadedFiles,
  createUploadHttp,
  createUploadService,
  intakeLambda,
  jwtAuthenticator,
  publishUpload,
  startUploadServer,
  sweepUploads,
  type UploadPolicy,
  type UploadServer,
  type UploadServerOptions,
} from '../producers/index.ts';
import { createClaimCheckSigner, type SigningKeyFile } from '../shared/claim-check.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { createRecords } from '../shared/records/index.ts';
import type { StoreOptions, StoresOptions } from '../shared/stores.ts';
import { UPLOAD_PREFIX } from '../shared/topology.ts';
import { readIfThere, writePrivateFile } from './kept-file.ts';

/** Names of what the local upload service has. */
export const UPLOAD_NAMES = {
  queue: 'waybill-intake',
  rule: 'waybill-intake',
  issuer: 'local-uploads',
} as const;

const TOKENS = { issuer: 'waybill-local', audience: 'waybill-uploads' } as const;
/** Life of the token that `.waybill.env` gets; anew with every start. */
const TOKEN_LIFE = '30 days';
/** Life of the page's; it asks for another by itself. */
const PAGE_TOKEN_LIFE = '1 hour';

/** What `waybill up` takes, where no policy file says otherwise. */
export const LOCAL_UPLOAD_POLICY: UploadPolicy = {
  types: {
    'avatar.uploaded': { mediaTypes: ['image/*'], maxSizeBytes: 5 * 1024 ** 2 },
    'document.uploaded': { mediaTypes: ['*'], maxSizeBytes: 10 * 1024 ** 3 },
    'video.uploaded': { mediaTypes: ['video/*'], maxSizeBytes: 100 * 1024 ** 3 },
  },
};

export interface LocalUploadsOptions {
  readonly local: LocalStack;
  readonly stores: StoresOptions;
  readonly control: StoreOptions;
  readonly bus: string;
  readonly bucket: string;
  readonly s3: S3Client;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Signs the claim checks of what is uploaded. */
  readonly signingKey: SigningKeyFile;
  readonly dir: string;
  readonly port: number;
  readonly policy?: UploadPolicy | undefined;
  /** Origins of pages that may upload, beside the service's own. */
  readonly origins?: readonly string[] | undefined;
  /** Serves a page beside the service; `token` mints what its user says who they are with. @default - no page */
  readonly page?: ((token: () => Promise<string>) => Promise<UploadServerOptions['before']>) | undefined;
  readonly clock?: Clock | undefined;
  readonly logger: Logger;
}

/** The upload service of `waybill up`, its intake behind a queue, and its sweep. */
export interface LocalUploads extends AsyncDisposable {
  readonly server: UploadServer;
  /** A bearer token of the user `you`. */
  readonly token: string;
}

/** Starts the upload service on loopback, and what takes in what it opens. */
export async function startLocalUploads(options: LocalUploadsOptions): Promise<LocalUploads> {
  const { local, stores, credentials, logger, bucket, s3 } = options;
  const clock = options.clock === undefined ? {} : { clock: options.clock };
  await local.putQueue({ name: UPLOAD_NAMES.queue, deadLetterQueue: `${UPLOAD_NAMES.queue}-dlq` });
  await local.putRule({
    name: UPLOAD_NAMES.rule,
    pattern: {
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { bucket: { name: [bucket] }, object: { key: [{ prefix: UPLOAD_PREFIX }] } },
    },
    queue: UPLOAD_NAMES.queue,
  });
  const records = createRecords({ control: options.control, credentials, logger, ...clock });
  const service = createUploadService({
    stores,
    records,
    policy: options.policy ?? LOCAL_UPLOAD_POLICY,
    credentials,
    logger,
    ...clock,
  });
  const publisher = createPublisher({
    producer: UPLOAD_NAMES.issuer,
    bus: options.bus,
    stores,
    signer: createClaimCheckSigner(options.signingKey),
    logger,
    ...local.clientOptions(),
    ...clock,
  });
  const intake = createIntake({
    service,
    records,
    publish: async (record) => void (await publishUpload(publisher, record)),
    logger,
    ...clock,
  });
  const hooks = [
    local.onQueue(UPLOAD_NAMES.queue, intakeLambda(intake, { logger }), { reportBatchItemFailures: true }),
    local.schedule('rate(1 hour)', async () => await sweepUploads(service, clock)),
  ];
  const { publicKey, mint } = await keptTokens(join(options.dir, 'upload-token-key.json'));
  const before = await options.page?.(async () => await mint(PAGE_TOKEN_LIFE));
  const files = createUploadedFiles(service, clock);
  const server = await startUploadServer({
    port: options.port,
    ...(before === undefined ? {} : { before }),
    http: (publicUrl) =>
      createUploadHttp({
        service,
        files,
        links: createFileLinks({ records, service, files }, options.clock),
        authenticate: jwtAuthenticator({ ...TOKENS, keys: [publicKey] }),
        origins: options.origins ?? [],
        publicUrl,
        logger,
      }),
  });
  await s3.send(
    new PutBucketCorsCommand({
      Bucket: bucket,
      CORSConfiguration: {
        CORSRules: [
          {
            AllowedOrigins: [server.url, ...(options.origins ?? [])],
            AllowedMethods: ['GET', 'PUT', 'POST'],
            AllowedHeaders: ['*'],
            ExposeHeaders: ['ETag', 'x-amz-version-id', 'x-amz-checksum-crc32c'],
            MaxAgeSeconds: 600,
          },
        ],
      },
    }),
  );
  return {
    server,
    token: await mint(TOKEN_LIFE),
    async [Symbol.asyncDispose]() {
      await server.close();
      for (const hook of hooks) await hook.stop();
      await publisher.close();
      records.close();
    },
  };
}

/** The key that this machine's tokens are signed with, kept, and what signs them. */
async function keptTokens(
  path: string,
): Promise<{ readonly publicKey: JWK; readonly mint: (life: string) => Promise<string> }> {
  const kept = await readIfThere(path);
  const jwk = kept === undefined ? await freshKey(path) : (JSON.parse(kept) as JWK);
  const { d: _private, ...publicKey } = jwk;
  const key = await importJWK(jwk, 'ES256');
  return {
    publicKey: { ...publicKey, alg: 'ES256' },
    mint: async (life) =>
      await new SignJWT({ sub: 'you' })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(TOKENS.issuer)
        .setAudience(TOKENS.audience)
        .setExpirationTime(life)
        .sign(key),
  };
}

async function freshKey(path: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  await writePrivateFile(path, `${JSON.stringify(jwk)}\n`);
  return jwk;
}
