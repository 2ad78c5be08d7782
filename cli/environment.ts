import { accessSync, constants, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ProxyOptions } from '../consumers/index.ts';
import { minimumRetainDays, type DeliveryTimes } from '../shared/retention.ts';
import { resolveStore, resolveStores, type StoreOptions, type StoresOptions } from '../shared/stores.ts';
import { checked, UsageError } from './errors.ts';

const optional = z.string().min(1).optional();

/** The environment variables that the CLI reads; the AWS SDK reads its own beside them. */
const environmentSchema = z.object({
  AWS_ENDPOINT_URL: optional,
  AWS_ENDPOINT_URL_S3: optional,
  AWS_REGION: optional,
  AWS_DEFAULT_REGION: optional,
  WAYBILL_STORES: optional,
  WAYBILL_STORE: optional,
  WAYBILL_CONTROL: optional,
  WAYBILL_BUS: optional,
  WAYBILL_DELIVERY: optional,
  WAYBILL_QUEUE: optional,
  WAYBILL_DLQ: optional,
  WAYBILL_URL_SERVICE: optional,
  WAYBILL_SIGNING_KEY: optional,
  WAYBILL_PRODUCER_KEYS: optional,
  WAYBILL_CALLERS: optional,
  HTTP_PROXY: optional,
  HTTPS_PROXY: optional,
  NO_PROXY: optional,
});

export type Environment = z.output<typeof environmentSchema>;

/** Reads the environment; an empty variable counts as not set. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const set = Object.entries(env).filter(([, value]) => value !== '');
  // Proxy variables are as common in lower case.
  const lower = set
    .filter(([name]) => /^(https?|no)_proxy$/.test(name))
    .map(([name, value]) => [name.toUpperCase(), value]);
  return environmentSchema.parse(Object.fromEntries([...lower, ...set]));
}

/** @throws {UsageError} naming the flag and the variable when neither gave a value */
export function required(value: string | undefined, flag: string, variable: string): string {
  if (value !== undefined) return value;
  throw new UsageError(
    `${flag}: missing; give the flag or set ${variable} (\`waybill up\` writes it to .waybill.env)`,
  );
}

/** The region by flag or environment, us-east-1 with an endpoint of one's own. @throws {UsageError} */
export function regionOf(env: Environment, flag: string | undefined): string {
  const region = flag ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  if (region !== undefined) return region;
  if (env.AWS_ENDPOINT_URL !== undefined) return 'us-east-1';
  throw new UsageError('--region: missing; give the flag or set AWS_REGION');
}

/**
 * The proxies that downloads go through, by the usual variables.
 * @throws {UsageError} naming the variable; its value may hold a password and is not shown
 */
export function proxyOf(env: Environment): { proxy?: ProxyOptions } {
  const { HTTP_PROXY: httpProxy, HTTPS_PROXY: httpsProxy, NO_PROXY: noProxy } = env;
  for (const [variable, value] of Object.entries({ HTTP_PROXY: httpProxy, HTTPS_PROXY: httpsProxy })) {
    if (value === undefined || (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol))) continue;
    throw new UsageError(`${variable}: got something else, expected an absolute http or https URL`);
  }
  if (httpProxy === undefined && httpsProxy === undefined) return {};
  return {
    proxy: {
      ...(httpProxy === undefined ? {} : { httpProxy }),
      ...(httpsProxy === undefined ? {} : { httpsProxy }),
      ...(noProxy === undefined ? {} : { noProxy }),
    },
  };
}

/** The stores: JSON, or the path of a JSON file. @throws {UsageError} naming store and field */
export function storesOf(env: Environment, flag: string | undefined): StoresOptions {
  const value = required(flag ?? env.WAYBILL_STORES, '--stores', 'WAYBILL_STORES');
  const what = '--stores (WAYBILL_STORES)';
  const stores = jsonOrFile(what, value) as StoresOptions;
  try {
    resolveStores(stores);
    return stores;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`${what}: ${error.message}`, { cause: error });
  }
}

/** The control bucket, where records live: JSON, or the path of a JSON file. @throws {UsageError} naming the field */
export function controlOf(env: Environment, flag: string | undefined): StoreOptions {
  const value = required(flag ?? env.WAYBILL_CONTROL, '--control', 'WAYBILL_CONTROL');
  const control = jsonOrFile('--control (WAYBILL_CONTROL)', value) as StoreOptions;
  checked(() => resolveStore('--control (WAYBILL_CONTROL)', control));
  return control;
}

/** The same where it may be absent. */
export function optionalControlOf(
  env: Environment,
  flag: string | undefined,
): { readonly control?: StoreOptions } {
  return (flag ?? env.WAYBILL_CONTROL) === undefined ? {} : { control: controlOf(env, flag) };
}

/** How long events may be on their way, if it is said: JSON, or the path of a JSON file. @throws {UsageError} */
export function deliveryOf(
  env: Environment,
  flag: string | undefined,
): { readonly delivery?: DeliveryTimes } {
  const value = flag ?? env.WAYBILL_DELIVERY;
  if (value === undefined) return {};
  const delivery = jsonOrFile('--delivery (WAYBILL_DELIVERY)', value) as DeliveryTimes;
  if (typeof delivery !== 'object' || delivery === null || Array.isArray(delivery))
    throw new UsageError('--delivery (WAYBILL_DELIVERY): expected a JSON object');
  checked(() => minimumRetainDays(delivery));
  return { delivery };
}

/** Parses JSON given as text, or in a file whose path is given. @throws {UsageError} */
export function jsonOrFile(what: string, value: string): unknown {
  const inline = /^\s*[[{"]/.test(value);
  const text = inline ? value : readTextFile(what, value);
  try {
    return JSON.parse(text);
  } catch (error) {
    const where = inline ? 'the value' : `file ${JSON.stringify(value)}`;
    throw new UsageError(`${what}: ${where} is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

/** @throws {UsageError} naming flag and path when the file cannot be read */
export function readTextFile(what: string, path: string): string {
  return readable(what, path, () => readFileSync(path, 'utf8'));
}

/** The path of a file that is read later. @throws {UsageError} naming flag and path when it cannot be */
export function readablePath(what: string, path: string): string {
  readable(what, path, () => accessSync(path, constants.R_OK));
  return path;
}

function readable<T>(what: string, path: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw new UsageError(`${what}: cannot read file ${JSON.stringify(path)} (${code})`);
  }
}
