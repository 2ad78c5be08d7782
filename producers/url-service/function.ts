import * as z from 'zod';
import { parseProducerKeys } from '../../shared/claim-check.ts';
import { systemClock } from '../../shared/clock.ts';
import { environmentCredentials } from '../../shared/environment-credentials.ts';
import {
  jsonVariable,
  logLevelVariable,
  readFunctionEnvironment,
} from '../../shared/function-environment.ts';
import { jsonLogger } from '../../shared/json-logger.ts';
import { resolveStores, type StoresOptions } from '../../shared/stores.ts';
import { createUrlServiceCore } from './core.ts';
import { urlServiceLambda } from './lambda.ts';
import { createReloadingVerifier } from './reloading-verifier.ts';
import { createSignedStore } from './signed-store.ts';

const rights = {
  /** Who the caller is to claim checks, rates and logs. */
  caller: z.string().min(1).max(128),
  types: z.union([z.literal('*'), z.array(z.string().min(1))]),
  prefixes: z.array(z.string().min(1)).min(1),
};

const environmentSchema = z.object({
  /** Stores by logical name. */
  WAYBILL_STORES: jsonVariable,
  /** Bucket, region and key of the list of the producers' public keys. */
  WAYBILL_PRODUCER_KEYS: jsonVariable.pipe(
    z.object({
      bucket: z.string().min(1),
      region: z.string().min(1),
      key: z.string().min(1),
      endpoint: z.url().optional(),
      pathStyle: z.boolean().optional(),
    }),
  ),
  /** Who may call, and for what: by the ARN of a role or user, or by the client id of a partner's tokens. */
  WAYBILL_CALLERS: jsonVariable.pipe(
    z.array(
      z.union([
        z.strictObject({ arn: z.string(), ...rights }),
        z.strictObject({ clientId: z.string(), ...rights }),
      ]),
    ),
  ),
  WAYBILL_URL_TTL_SECONDS: z.coerce.number().int().min(1).max(604_800).default(900),
  /** Claim checks a second that one caller may present to one instance of the function, in the long run. */
  WAYBILL_CALLS_PER_SECOND: z.coerce.number().min(0.001).default(100),
  WAYBILL_LOG_LEVEL: logLevelVariable,
});

/**
 * Makes the handler of the URL service's function from its environment. It uses no SDK: signed requests to S3 are all
 * it needs, and its bundle is small. Its credentials are those that Lambda puts into the environment.
 * @throws {TypeError} naming the variable and field that are wrong
 */
export function urlServiceFunction(
  env: Readonly<Record<string, string | undefined>>,
): ReturnType<typeof urlServiceLambda> {
  const settings = readFunctionEnvironment(environmentSchema, env);
  const clock = systemClock;
  const logger = jsonLogger({ level: settings.WAYBILL_LOG_LEVEL });
  const credentials = environmentCredentials(env);
  const { key, endpoint, pathStyle = endpoint !== undefined, ...place } = settings.WAYBILL_PRODUCER_KEYS;
  const keyStore = createSignedStore({ store: { ...place, endpoint, pathStyle }, credentials, clock });
  const callers = settings.WAYBILL_CALLERS;
  const perSecond = settings.WAYBILL_CALLS_PER_SECOND;
  const service = createUrlServiceCore({
    stores: resolveStores(settings.WAYBILL_STORES as StoresOptions),
    verifier: createReloadingVerifier({
      load: async () => parseProducerKeys(await keyStore.read(key)),
      clock,
    }),
    callers: Object.fromEntries(callers.map(({ caller, types, prefixes }) => [caller, { types, prefixes }])),
    toolsFor: (store) => createSignedStore({ store, credentials, clock }),
    urlTtlSeconds: settings.WAYBILL_URL_TTL_SECONDS,
    rateLimit: { perCallerPerSecond: perSecond, burst: Math.max(100, Math.ceil(perSecond)) },
    clock,
    logger,
  });
  return urlServiceLambda({
    service,
    identities: callers.map((caller) =>
      'arn' in caller
        ? { arn: caller.arn, caller: caller.caller }
        : { clientId: caller.clientId, caller: caller.caller },
    ),
    logger,
  });
}
