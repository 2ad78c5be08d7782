import {
  s3IdempotencyStore,
  urlServiceClient,
  type UrlSource,
  type WorkerOptions,
} from '../consumers/index.ts';
import { compilePattern, type CloudFormation, type LocalStack } from '../local/index.ts';
import type { PublisherOptions } from '../producers/index.ts';
import {
  createClaimCheckSigner,
  createClaimCheckVerifier,
  parseSigningKey,
  type ClaimCheckVerifier,
} from '../shared/claim-check.ts';
import type { Logger } from '../shared/logger.ts';
import type { StoreOptions, StoresOptions } from '../shared/stores.ts';
import { consumerRulePattern, type Topology } from '../shared/topology.ts';
import { readTextFile } from './environment.ts';
import { LOCAL_NAMES, startExchange } from './stack.ts';
import { startTemplateExchange } from './template-exchange.ts';

/** One producer and one consumer of a running exchange, and what they exchange. */
export interface DemoExchange extends AsyncDisposable {
  readonly local: LocalStack;
  /** Event type. */
  readonly type: string;
  /** Where its page is, if it has one. */
  readonly pageUrl?: string;
  readonly publisher: PublisherOptions;
  readonly worker: Pick<WorkerOptions<never>, 'queueUrl' | 'stores' | 'sqs' | 'idempotency'> & {
    readonly urlSource: UrlSource;
    readonly claimCheckVerifier: ClaimCheckVerifier;
  };
}

interface DemoExchangeOptions {
  readonly dir: string;
  readonly urlTtlSeconds: number;
  readonly logger: Logger;
}

const DEMO_TYPE = 'demo.files.sent';

/** The exchange of `waybill up`: everybody may do everything. */
export async function startDemoExchange(
  options: DemoExchangeOptions & { readonly page: boolean },
): Promise<DemoExchange> {
  const exchange = await startExchange(options);
  const { local, stores, signingKey, urlService, producerKeys } = exchange;
  const { urlTtlSeconds } = options;
  return {
    local,
    type: DEMO_TYPE,
    ...(options.page ? { pageUrl: `${exchange.uploads.server.url}/#exchange` } : {}),
    publisher: {
      producer: signingKey.issuer,
      stores,
      bus: LOCAL_NAMES.bus,
      signer: createClaimCheckSigner(signingKey),
      urlTtlSeconds,
      ...local.clientOptions(),
    },
    worker: {
      queueUrl: local.queueUrl(LOCAL_NAMES.queue),
      stores,
      sqs: local.clientOptions(),
      urlSource: urlServiceClient({
        endpoint: urlService.url,
        region: local.region,
        credentials: local.credentials,
      }),
      claimCheckVerifier: createClaimCheckVerifier({ keys: producerKeys }),
    },
    [Symbol.asyncDispose]: async () => await exchange[Symbol.asyncDispose](),
  };
}

/**
 * The exchange of a synthesized template: producer and consumer have their roles' rights and no others, records included.
 * @throws {TypeError} if the template is none of an exchange, or no consumer of it gets what a producer of it may publish
 */
export async function startTemplateDemo(
  template: CloudFormation,
  options: DemoExchangeOptions,
): Promise<DemoExchange> {
  const exchange = await startTemplateExchange({ template, ...options });
  try {
    return demoOf(exchange, options);
  } catch (error) {
    await exchange[Symbol.asyncDispose]();
    throw error;
  }
}

function demoOf(
  exchange: Awaited<ReturnType<typeof startTemplateExchange>>,
  { urlTtlSeconds, logger }: DemoExchangeOptions,
): DemoExchange {
  const { local, topology, roles, urlService, producerKeys } = exchange;
  const { producer, consumer, type } = routeOf(topology);
  const [sending, receiving] = [`producer-${producer}`, `consumer-${consumer}`];
  const [from, to] = [roles.get(sending) ?? {}, roles.get(receiving) ?? {}];
  const signingKey = parseSigningKey(readTextFile('the signing key', from['WAYBILL_SIGNING_KEY'] ?? ''));
  const control = JSON.parse(to['WAYBILL_CONTROL'] ?? '') as StoreOptions;
  const receiver = local.clientOptions(receiving);
  const store = s3IdempotencyStore({ control, credentials: receiver.credentials, logger });
  return {
    local,
    type,
    publisher: {
      producer,
      stores: JSON.parse(from['WAYBILL_STORES'] ?? '') as StoresOptions,
      control: JSON.parse(from['WAYBILL_CONTROL'] ?? '') as StoreOptions,
      bus: from['WAYBILL_BUS'] ?? '',
      signer: createClaimCheckSigner(signingKey),
      urlTtlSeconds,
      ...local.clientOptions(sending),
    },
    worker: {
      queueUrl: to['WAYBILL_QUEUE'] ?? '',
      stores: JSON.parse(to['WAYBILL_STORES'] ?? '') as StoresOptions,
      sqs: receiver,
      urlSource: urlServiceClient({
        endpoint: urlService,
        region: local.region,
        credentials: receiver.credentials,
      }),
      claimCheckVerifier: createClaimCheckVerifier({ keys: producerKeys }),
      idempotency: { store, consumer },
    },
    [Symbol.asyncDispose]: async () => {
      store.close();
      await exchange[Symbol.asyncDispose]();
    },
  };
}

/** The first producer and consumer with something for each other. */
function routeOf({ producers, consumers }: Topology): {
  readonly producer: string;
  readonly consumer: string;
  readonly type: string;
} {
  for (const { name: producer, types } of producers) {
    for (const consumer of consumers) {
      if (consumer.producers !== '*' && !consumer.producers.includes(producer)) continue;
      const matches = compilePattern(consumerRulePattern(consumer));
      const wanted = consumer.types === undefined || consumer.types === '*' ? [DEMO_TYPE] : consumer.types;
      const type = (types === '*' ? wanted : types).find((each) =>
        matches({ source: producer, 'detail-type': each, detail: {} }),
      );
      if (type !== undefined) return { producer, consumer: consumer.name, type };
    }
  }
  throw new TypeError('expected a topology in which a consumer gets what some producer may publish');
}
