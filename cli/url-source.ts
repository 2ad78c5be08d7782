import { ownCredentials, urlServiceClient, type UrlSource } from '../consumers/index.ts';
import type { StoresOptions } from '../shared/stores.ts';
import { regionOf, type Environment } from './environment.ts';
import { checked } from './errors.ts';

/** Fresh URLs from the URL service where one is named, else by the caller's own credentials. */
export function urlSourceOf(
  env: Environment,
  stores: StoresOptions,
  options: { readonly urlService?: string; readonly region?: string },
): UrlSource {
  const endpoint = options.urlService ?? env.WAYBILL_URL_SERVICE;
  return checked(() =>
    endpoint === undefined
      ? ownCredentials({ stores })
      : urlServiceClient({ endpoint, region: regionOf(env, options.region) }),
  );
}
