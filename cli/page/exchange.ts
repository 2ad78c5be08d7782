import { SQSClient } from '@aws-sdk/client-sqs';
import type { LocalStack } from '../../local/index.ts';
import { attachmentDisposition } from '../../producers/index.ts';
import type { Logger } from '../../shared/logger.ts';
import { createGetPresigner } from '../../shared/presign.ts';
import type { SecretUrl } from '../../shared/secret.ts';
import { resolveStores, type StoresOptions } from '../../shared/stores.ts';
import { createExchangeState } from './exchange-state.ts';
import type { Grants } from './grants.ts';
import { startLive, type Live } from './live.ts';
import { watchQueues } from './queue-depths.ts';

/** Life of a download URL that the page asks for, in seconds. */
const URL_TTL_SECONDS = 300;

export interface WatchOptions {
  readonly local: LocalStack;
  readonly stores: StoresOptions;
  /** Names of the consumer's queues. */
  readonly queue: string;
  readonly deadLetterQueue: string;
  /** What the URL service gives. */
  readonly grants: Grants;
  readonly logger: Logger;
}

/** The exchange as the page watches it. */
export interface WatchedExchange extends AsyncDisposable {
  readonly live: Live;
  /** A URL that saves a payload under its name; undefined if the event is not remembered. */
  payloadUrl(eventId: string, attachmentId: string): Promise<SecretUrl | undefined>;
}

export function watchExchange(options: WatchOptions): WatchedExchange {
  const { local } = options;
  const stores = resolveStores(options.stores);
  const sqs = new SQSClient(local.clientOptions());
  const state = createExchangeState(new Set([options.queue]));
  options.grants.onGrant((grant) => state.granted(grant));
  const queues = watchQueues(sqs, local.queueUrl(options.queue), local.queueUrl(options.deadLetterQueue));
  const live = startLive({ spy: local.spy, state, queues, logger: options.logger });
  return {
    live,
    async payloadUrl(eventId, attachmentId) {
      const attachment = state.attachment(eventId, attachmentId);
      if (attachment === undefined || !stores.names.includes(attachment.store)) return undefined;
      const presigner = createGetPresigner({
        store: stores.get(attachment.store),
        credentials: local.credentials,
        clock: local.clock,
      });
      const { key, versionId, name } = attachment;
      const { url } = await presigner.presign({
        key,
        versionId,
        ttlSeconds: URL_TTL_SECONDS,
        responseContentDisposition: attachmentDisposition(name.split('/').at(-1) ?? name),
      });
      return url;
    },
    async [Symbol.asyncDispose]() {
      await live[Symbol.asyncDispose]();
      sqs.destroy();
    },
  };
}
