import * as z from 'zod';
import {
  jsonVariable,
  logLevelVariable,
  readFunctionEnvironment,
} from '../../shared/function-environment.ts';
import { jsonLogger } from '../../shared/json-logger.ts';
import { resolveStore, resolveStores, type StoreOptions, type StoresOptions } from '../../shared/stores.ts';
import { sweeperLambda } from './lambda.ts';
import { sweepDefaults } from './options.ts';

const seconds = (defaultMs: number) =>
  z.coerce
    .number()
    .min(0)
    .default(defaultMs / 1000);

const environmentSchema = z.object({
  /** Stores by logical name. */
  WAYBILL_STORES: jsonVariable,
  /** The control bucket. */
  WAYBILL_CONTROL: jsonVariable,
  /** Names of the producers to sweep. */
  WAYBILL_PRODUCERS: jsonVariable.pipe(z.array(z.string().min(1)).min(1)),
  /** Life of the URLs that are signed on the way, in seconds; 0 publishes without. */
  WAYBILL_URL_TTL_SECONDS: z.coerce.number().int().min(0).max(604_800).default(sweepDefaults.urlTtlSeconds),
  /** How long an event may wait in the outbox before it counts as left there. */
  WAYBILL_OUTBOX_SECONDS: seconds(sweepDefaults.outboxAgeMs),
  /** From what age on a publish counts as unfinished. */
  WAYBILL_UNFINISHED_SECONDS: seconds(sweepDefaults.unfinishedAgeMs),
  /** `true` removes what is unfinished for longer than the grace time. */
  WAYBILL_DELETE: z.enum(['true', 'false']).default('false'),
  /** How long what is unfinished is kept at least. */
  WAYBILL_GRACE_SECONDS: seconds(sweepDefaults.graceMs),
  WAYBILL_LOG_LEVEL: logLevelVariable,
  /** Region of the buses; Lambda sets it. */
  AWS_REGION: z.string().min(1),
  /** For tests: another endpoint than AWS's. */
  AWS_ENDPOINT_URL: z.url().optional(),
});

/**
 * Makes the handler of the sweeper's function from its environment; credentials are the SDK's affair.
 * @throws {TypeError} naming the variable that is wrong, and the field in it
 */
export function sweeperFunction(
  env: Readonly<Record<string, string | undefined>>,
): ReturnType<typeof sweeperLambda> {
  const settings = readFunctionEnvironment(environmentSchema, env);
  const stores = settings.WAYBILL_STORES as StoresOptions;
  const control = settings.WAYBILL_CONTROL as StoreOptions;
  resolveStores(stores);
  resolveStore('WAYBILL_CONTROL', control);
  return sweeperLambda({
    producers: settings.WAYBILL_PRODUCERS,
    stores,
    control,
    region: settings.AWS_REGION,
    ...(settings.AWS_ENDPOINT_URL === undefined ? {} : { endpoint: settings.AWS_ENDPOINT_URL }),
    urlTtlSeconds: settings.WAYBILL_URL_TTL_SECONDS,
    outboxAgeMs: settings.WAYBILL_OUTBOX_SECONDS * 1000,
    unfinishedAgeMs: settings.WAYBILL_UNFINISHED_SECONDS * 1000,
    delete: settings.WAYBILL_DELETE === 'true',
    graceMs: settings.WAYBILL_GRACE_SECONDS * 1000,
    logger: jsonLogger({ level: settings.WAYBILL_LOG_LEVEL }),
  });
}
