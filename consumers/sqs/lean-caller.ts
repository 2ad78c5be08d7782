import type { SQSClient } from '@aws-sdk/client-sqs';
import { createAwsJsonCaller, type AwsJsonCaller } from '../../shared/aws-json.ts';
import type { Clock } from '../../shared/clock.ts';

/** Calls SQS without the SDK, where and as whom the SDK would. */
export interface LeanCaller {
  /** @returns undefined as long as the client has not made a call, from which the address is learned */
  get(): Promise<AwsJsonCaller | undefined>;
  close(): Promise<void>;
}

/**
 * Follows an SDK client of our own: the address is that of its first request, so that endpoint rules, profiles and
 * `AWS_ENDPOINT_URL` mean what they mean to the SDK; region and credentials are the client's.
 */
export function followClient(client: SQSClient, clock: Pick<Clock, 'nowMs'>): LeanCaller {
  let endpoint: URL | undefined;
  let caller: Promise<AwsJsonCaller> | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      const { protocol, hostname, port, path } = args.request as SentRequest;
      endpoint ??= new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`);
      return await next(args);
    },
    { step: 'build', name: 'waybillLearnAddress', override: true },
  );

  const open = async (to: URL): Promise<AwsJsonCaller> =>
    createAwsJsonCaller({
      service: 'sqs',
      targetPrefix: 'AmazonSQS',
      region: await client.config.region(),
      endpoint: to,
      credentials: async () => await client.config.credentials(),
      clock,
    });

  return {
    async get() {
      if (endpoint === undefined) return undefined;
      caller ??= open(endpoint);
      return await caller;
    },
    async close() {
      await (await caller?.catch(() => undefined))?.close();
    },
  };
}

/** What a request has at the SDK's step `build`. */
interface SentRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
}
