import { createUrlService, startUrlServiceServer, type UrlServiceFault } from '../../producers/index.ts';
import { startLocal, type LocalStack } from '../../local/index.ts';
import {
  createClaimCheckSigner,
  createClaimCheckVerifier,
  generateProducerKey,
  serialiseSigningKey,
  type ClaimCheckSigner,
} from '../../shared/claim-check.ts';
import { PAYLOAD_PREFIX } from '../../shared/topology.ts';
import { CONSUMER, PRODUCER, type ChaosConfig } from './config.ts';

/** Every message also lies here, for the driver to send some of them again. */
export const COPIES = 'copies';
export const QUEUE = 'work';
export const DEAD = 'work-dlq';
export const BUCKET = 'payloads';
const BUS = 'chaos';
const URL_TTL_SECONDS = 6;

/** The stack and the URL service, and the switches on them. */
export interface ChaosExchange extends AsyncDisposable {
  readonly local: LocalStack;
  readonly signer: ClaimCheckSigner;
  readonly config: Omit<ChaosConfig, 'dir' | 'spool' | 'seed' | 'count' | 'startMs' | 'intervalMs'>;
  /** What is wrong with the URL service from now on; undefined is nothing. */
  breakUrlService(fault: UrlServiceFault | undefined): void;
}

export async function startChaosExchange(dir: string): Promise<ChaosExchange> {
  const rule = { bus: BUS, pattern: { source: [PRODUCER] } };
  const local = await startLocal({
    dir,
    buckets: [BUCKET, { name: 'control', versioning: false }],
    buses: [BUS],
    queues: [{ name: QUEUE, deadLetterQueue: DEAD, visibilityTimeoutSeconds: 10 }, { name: COPIES }],
    rules: [
      { ...rule, name: 'work', queue: QUEUE },
      { ...rule, name: 'copies', queue: COPIES },
    ],
  });
  const at = { region: local.region, endpoint: local.endpoint, pathStyle: true };
  const stores = { payloads: { bucket: BUCKET, ...at } };
  const { signingKey, producerKey } = generateProducerKey({ issuer: PRODUCER });
  let fault: UrlServiceFault | undefined;
  const urlService = await startUrlServiceServer({
    service: createUrlService({
      stores,
      credentials: local.credentials,
      verifier: createClaimCheckVerifier({
        keys: [{ ...producerKey, prefixes: [`${PAYLOAD_PREFIX}${PRODUCER}/`] }],
      }),
      callers: { [CONSUMER]: { types: '*', prefixes: [PAYLOAD_PREFIX] } },
      urlTtlSeconds: URL_TTL_SECONDS,
    }),
    region: local.region,
    identities: [{ ...local.credentials, caller: CONSUMER }],
    faults: () => fault,
  });
  return {
    local,
    signer: createClaimCheckSigner(signingKey),
    config: {
      endpoint: local.endpoint,
      region: local.region,
      credentials: local.credentials,
      stores,
      control: { bucket: 'control', ...at },
      bus: BUS,
      queueUrl: local.queueUrl(QUEUE),
      urlService: urlService.url,
      signingKey: serialiseSigningKey(signingKey),
      urlTtlSeconds: URL_TTL_SECONDS,
    },
    breakUrlService: (wanted) => void (fault = wanted),
    async [Symbol.asyncDispose]() {
      await urlService.close();
      await local.close();
    },
  };
}
