import type { S3Client } from '@aws-sdk/client-s3';
import { systemClock, type Clock } from '../../shared/clock.ts';
import type { Store } from '../../shared/stores.ts';
import type { CredentialSource } from './fast/credentials.ts';
import { createFastTransport } from './fast/fast-transport.ts';
import { s3AddressOf } from './fast/s3-address.ts';
import { uploadDefaults, type ResolvedUploadOptions } from './options.ts';
import { createSdkTransport } from './sdk-transport.ts';
import type { UploadTransport } from './transport.ts';

/** What a transport needs to know. */
export interface UploadTransportOptions extends Partial<
  Pick<ResolvedUploadOptions, 'transport' | 'attemptTimeoutMs' | 'signPayload'>
> {
  /** Where the payloads go. */
  readonly store: Pick<Store, 'bucket' | 'region' | 'endpoint' | 'pathStyle'>;
  /** @default - the client's, else the SDK's provider chain */
  readonly credentials?: CredentialSource | undefined;
  /** A client that was configured elsewhere; `auto` then leaves the requests to it. @default - made from the store, if needed */
  readonly client?: S3Client | undefined;
  /** Dates the signatures. @default systemClock */
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/**
 * Makes the transport that `transport` asks for. `auto` takes plain sockets, unless a client is given (it may go
 * through a proxy, or have middleware) or the store's address follows rules that only the SDK knows.
 *
 * The SDK is loaded when it is needed: never for an upload over plain sockets with credentials given, but for
 * finding parts to resume.
 * @throws {TypeError} if `fast` is asked for, but the store's address takes the SDK
 */
export function createUploadTransport(options: UploadTransportOptions): UploadTransport {
  const { store, credentials, client: given, clock = systemClock } = options;
  const asked = options.transport ?? uploadDefaults.transport;
  const attemptTimeoutMs = options.attemptTimeoutMs ?? uploadDefaults.attemptTimeoutMs;
  const signPayload = options.signPayload ?? uploadDefaults.signPayload;
  let made: Promise<S3Client> | undefined;
  const make = async (): Promise<S3Client> => {
    const { s3ClientFor } = await import('../../shared/s3-client.ts');
    const full = { name: store.bucket, origins: [], ...store };
    return s3ClientFor(full, { maxAttempts: 1, ...(credentials === undefined ? {} : { credentials }) });
  };
  const client = async (): Promise<S3Client> => given ?? (await (made ??= make()));
  const close = (): void => {
    void made?.then((ours) => ours.destroy()).catch(() => {});
  };
  const sdk = createSdkTransport({ client, attemptTimeoutMs, signPayload });

  const address = s3AddressOf(store);
  if (asked === 'fast' && address === undefined) {
    const at = store.endpoint ?? store.region;
    throw new TypeError(
      `upload.transport: got "fast", but the store at ${at} takes the SDK ("auto" or "sdk")`,
    );
  }
  if (asked === 'sdk' || address === undefined || (asked === 'auto' && given !== undefined))
    return { ...sdk, close };

  const fast = createFastTransport({
    address,
    bucket: store.bucket,
    region: store.region,
    credentials: credentials ?? given?.config.credentials,
    clock,
    signPayload,
    attemptTimeoutMs,
  });
  return {
    ...fast,
    ...(sdk.open === undefined ? {} : { open: sdk.open }),
    close() {
      fast.close?.();
      close();
    },
  };
}
