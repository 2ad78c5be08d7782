import type { S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '../../shared/clock.ts';
import { createGetPresigner } from '../../shared/presign.ts';
import { s3ClientFor, type S3ClientOptions } from '../../shared/s3-client.ts';
import type { Store } from '../../shared/stores.ts';
import { createUrlServiceCore, type UrlService, type UrlServiceCoreOptions } from './core.ts';
import { payloadState } from './payload-state.ts';

export type UrlServiceOptions = UrlServiceCoreOptions & {
  /** Makes the S3 client of a store. @default - `s3ClientFor` with `credentials` */
  readonly clientFor?: (store: Store) => S3Client;
  /** Whose rights the URLs have: `s3:GetObjectVersion` and `s3:GetObjectVersionTagging`. @default the SDK's provider chain */
  readonly credentials?: S3ClientOptions['credentials'];
};

/**
 * Makes a URL service that reaches S3 by the SDK.
 * @throws {TypeError} {RangeError} naming the option that is wrong
 */
export function createUrlService(options: UrlServiceOptions): UrlService {
  const { credentials, clock = systemClock } = options;
  const clientFor =
    options.clientFor ??
    ((store: Store) => s3ClientFor(store, credentials === undefined ? {} : { credentials }));
  return createUrlServiceCore({
    ...options,
    toolsFor: (store) => {
      const client = clientFor(store);
      const presigner = createGetPresigner({ store, client, clock });
      return {
        state: (object, signal) => payloadState(client, { bucket: store.bucket, ...object }, signal),
        presign: (request) => presigner.presign(request),
      };
    },
  });
}
