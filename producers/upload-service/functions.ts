import * as z from 'zod';
import { createClaimCheckSigner } from '../../shared/claim-check.ts';
import { systemClock } from '../../shared/clock.ts';
import { environmentCredentials } from '../../shared/environment-credentials.ts';
import {
  jsonVariable,
  logLevelVariable,
  readFunctionEnvironment,
} from '../../shared/function-environment.ts';
import { jsonLogger } from '../../shared/json-logger.ts';
import { createRecords } from '../../shared/records/index.ts';
import type { StoreOptions, StoresOptions } from '../../shared/stores.ts';
import { createPublisher } from '../publisher.ts';
import { createSecrets } from '../signing-key/secrets.ts';
import { jwtAuthenticator } from './authenticate.ts';
import { createUploadService } from './core.ts';
import { createUploadedFiles } from './files.ts';
import { createUploadHttp } from './http.ts';
import { intakeLambda } from './intake-lambda.ts';
import { createIntake, type AcceptedRecord } from './intake.ts';
import { uploadServiceLambda } from './lambda.ts';
import { createFileLinks } from './links.ts';
import type { UploadPolicy } from './policy.ts';
import { publishUpload } from './publish-upload.ts';
import { sweepUploads, type UploadSweep } from './sweep.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const commonSchema = z.object({
  /** The one store that takes uploads. */
  WAYBILL_STORES: jsonVariable,
  WAYBILL_CONTROL: jsonVariable,
  /** What may be uploaded. */
  WAYBILL_UPLOAD_POLICY: jsonVariable,
  WAYBILL_LOG_LEVEL: logLevelVariable,
});

const httpSchema = z.object({
  /** Whose tokens are taken, and where their public keys are. */
  WAYBILL_TOKENS: jsonVariable.pipe(
    z.strictObject({
      issuer: z.string().min(1),
      audience: z.string().min(1),
      keysUrl: z.url({ protocol: /^https?$/ }),
      ownerClaim: z.string().min(1).optional(),
    }),
  ),
  WAYBILL_ORIGINS: jsonVariable.pipe(z.array(z.string())).prefault('[]'),
  WAYBILL_PUBLIC_URL: z.url({ protocol: /^https?$/ }),
});

const intakeSchema = z.object({
  AWS_REGION: z.string().min(1),
  AWS_ENDPOINT_URL_SECRETS_MANAGER: z.url().optional(),
  AWS_ENDPOINT_URL_EVENTBRIDGE: z.url().optional(),
  WAYBILL_BUS: z.string().min(1),
  /** Producer in whose name uploads are published. */
  WAYBILL_PRODUCER: z.string().min(1),
  /** ARN of the secret with its signing key. */
  WAYBILL_SIGNING_KEY_SECRET: z.string().min(1),
  WAYBILL_RETAIN_DAYS: z.coerce.number().min(1),
});

/** How long a signing key counts before it is read again, in milliseconds: far less than the time between rotations. */
const KEY_AGE_MS = 3_600_000;

function open(env: Environment) {
  const settings = readFunctionEnvironment(commonSchema, env);
  const logger = jsonLogger({ level: settings.WAYBILL_LOG_LEVEL });
  const stores = settings.WAYBILL_STORES as StoresOptions;
  const records = createRecords({ control: settings.WAYBILL_CONTROL as StoreOptions, logger });
  const policy = settings.WAYBILL_UPLOAD_POLICY as UploadPolicy;
  return { logger, stores, records, service: createUploadService({ stores, records, policy, logger }) };
}

/**
 * Makes the handler of the upload service's HTTP function from its environment.
 * @throws {TypeError} naming the variable and field that are wrong
 */
export function uploadHttpFunction(env: Environment): ReturnType<typeof uploadServiceLambda> {
  const { service, records, logger } = open(env);
  const settings = readFunctionEnvironment(httpSchema, env);
  const { keysUrl, issuer, audience, ownerClaim } = settings.WAYBILL_TOKENS;
  const files = createUploadedFiles(service);
  return uploadServiceLambda(
    createUploadHttp({
      service,
      files,
      links: createFileLinks({ records, service, files }),
      authenticate: jwtAuthenticator({
        issuer,
        audience,
        keys: new URL(keysUrl),
        ...(ownerClaim === undefined ? {} : { ownerClaim }),
      }),
      origins: settings.WAYBILL_ORIGINS,
      publicUrl: settings.WAYBILL_PUBLIC_URL.replace(/\/$/, ''),
      logger,
    }),
  );
}

/**
 * Makes the handler of the intake's function from its environment. It reads the signing key again once an hour, so that
 * a rotation reaches it.
 * @throws {TypeError} naming the variable and field that are wrong
 */
export function uploadIntakeFunction(env: Environment): ReturnType<typeof intakeLambda> {
  const { service, records, stores, logger } = open(env);
  const settings = readFunctionEnvironment(intakeSchema, env);
  const clock = systemClock;
  const secrets = createSecrets({
    region: settings.AWS_REGION,
    endpoint: settings.AWS_ENDPOINT_URL_SECRETS_MANAGER,
    credentials: environmentCredentials(env),
    clock,
  });
  const secretId = settings.WAYBILL_SIGNING_KEY_SECRET;
  const producer = settings.WAYBILL_PRODUCER;
  const endpoint = settings.AWS_ENDPOINT_URL_EVENTBRIDGE;

  const openPublisher = async () => {
    const key = await secrets.read(secretId, { stage: 'AWSCURRENT' });
    if (key === undefined) throw new Error(`secret ${secretId}: holds no signing key yet`);
    return createPublisher({
      producer,
      bus: settings.WAYBILL_BUS,
      stores,
      signer: createClaimCheckSigner(key),
      retainDays: settings.WAYBILL_RETAIN_DAYS,
      logger,
      ...(endpoint === undefined ? {} : { endpoint }),
    });
  };
  let opened: ReturnType<typeof openPublisher> | undefined;
  let openedAtMs = Number.NEGATIVE_INFINITY;
  const publisher = async () => {
    if (opened === undefined || clock.monotonicMs() - openedAtMs > KEY_AGE_MS) {
      openedAtMs = clock.monotonicMs();
      const fresh = openPublisher();
      fresh.catch(() => (opened = undefined));
      opened = fresh;
    }
    return await opened;
  };

  const publish = async (record: AcceptedRecord): Promise<void> => {
    await publishUpload(await publisher(), record);
  };
  return intakeLambda(createIntake({ service, records, publish, logger }), { logger });
}

/**
 * Makes the handler of the hourly sweep from its environment.
 * @returns a handler that throws when accepted uploads were not published, so that the function's error metric says so
 * @throws {TypeError} naming the variable and field that are wrong
 */
export function uploadSweepFunction(env: Environment): () => Promise<UploadSweep> {
  const { service, logger } = open(env);
  return async () => {
    const swept = await sweepUploads(service);
    logger.info(swept, 'uploads swept');
    if (swept.stuck.length > 0)
      throw new Error(
        `${swept.stuck.length} accepted uploads were not published; the first is ${swept.stuck[0]}: redrive the intake's dead-letter queue`,
      );
    return swept;
  };
}
