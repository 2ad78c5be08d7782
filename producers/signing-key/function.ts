import * as z from 'zod';
import { systemClock } from '../../shared/clock.ts';
import { environmentCredentials } from '../../shared/environment-credentials.ts';
import {
  jsonVariable,
  logLevelVariable,
  readFunctionEnvironment,
} from '../../shared/function-environment.ts';
import { jsonLogger } from '../../shared/json-logger.ts';
import { createRecords } from '../../shared/records/index.ts';
import type { StoreOptions } from '../../shared/stores.ts';
import { createProducerKeyList } from './producer-key-list.ts';
import { signingKeyRotation } from './rotate.ts';
import { createSecrets } from './secrets.ts';

const environmentSchema = z.object({
  AWS_REGION: z.string().min(1),
  AWS_ENDPOINT_URL_SECRETS_MANAGER: z.url().optional(),
  /** The control bucket. */
  WAYBILL_CONTROL: jsonVariable,
  /** Whose keys are in which secret. */
  WAYBILL_ROTATED_PRODUCERS: jsonVariable.pipe(
    z.array(
      z.strictObject({
        secretArn: z.string().min(1),
        issuer: z.string().min(1),
        prefixes: z.array(z.string().min(1)).min(1),
        retainDays: z.number().min(1),
      }),
    ),
  ),
  WAYBILL_LOG_LEVEL: logLevelVariable,
});

/**
 * Makes the handler of the rotation function from its environment.
 * @throws {TypeError} naming the variable and field that are wrong
 */
export function rotationFunction(
  env: Readonly<Record<string, string | undefined>>,
): (event: unknown) => Promise<void> {
  const settings = readFunctionEnvironment(environmentSchema, env);
  const logger = jsonLogger({ level: settings.WAYBILL_LOG_LEVEL });
  const clock = systemClock;
  return signingKeyRotation({
    secrets: createSecrets({
      region: settings.AWS_REGION,
      endpoint: settings.AWS_ENDPOINT_URL_SECRETS_MANAGER,
      credentials: environmentCredentials(env),
      clock,
    }),
    list: createProducerKeyList(
      createRecords({ control: settings.WAYBILL_CONTROL as StoreOptions, clock, logger }),
    ),
    producers: settings.WAYBILL_ROTATED_PRODUCERS,
    clock,
    logger,
  });
}
