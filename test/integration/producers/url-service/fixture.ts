import { randomUUID } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { offsetClock, startLocal, type LocalOptions, type LocalStack } from '../../../../local/index.ts';
import {
  createUrlService,
  startUrlServiceServer,
  type UrlService,
} from '../../../../producers/url-service/index.ts';
import type {
  UrlServiceOptions,
  UrlServiceServer,
  UrlServiceServerOptions,
} from '../../../../producers/url-service/index.ts';
import {
  createClaimCheckSigner,
  createClaimCheckVerifier,
  generateProducerKey,
} from '../../../../shared/claim-check.ts';
import type { ClaimCheckClaims, ClaimCheckSigner, ProducerKey } from '../../../../shared/claim-check.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { formatDigest } from '../../../../shared/digest.ts';
import type { Attachment } from '../../../../shared/events/index.ts';
import type { Logger } from '../../../../shared/logger.ts';
import { sha256Hex } from '../../../../shared/sigv4-encoding.ts';
import { resolveStores, type Stores } from '../../../../shared/stores.ts';

export const CALLER = 'archive';
export const CALLER_KEYS = { accessKeyId: 'AKARCHIVE', secretAccessKey: 'archive-secret' };
export const STRANGER_KEYS = { accessKeyId: 'AKSTRANGER', secretAccessKey: 'stranger-secret' };
export const TYPE = 'report.ready';

/** Everything around a URL service, real but for AWS. */
export interface Fixture {
  readonly stack: LocalStack;
  readonly s3: S3Client;
  readonly stores: Stores;
  readonly clock: ReturnType<typeof offsetClock>;
  readonly signer: ClaimCheckSigner;
  readonly producerKey: ProducerKey;
  readonly logs: { level: string; fields: Record<string, unknown>; message: string }[];
  /** Uploads a payload and returns what its event would say of it. */
  put(body: string, retainUntil?: string): Promise<{ attachment: Attachment; claims: ClaimCheckClaims }>;
  service(options?: Partial<UrlServiceOptions>): UrlService;
  serve(options?: Partial<UrlServiceServerOptions>): Promise<UrlServiceServer>;
  /** S3 operations since the spy was last cleared. */
  s3Calls(): string[];
  close(): Promise<void>;
}

export async function startFixture(local: Partial<LocalOptions> = {}): Promise<Fixture> {
  const clock = offsetClock(systemClock);
  const stack = await startLocal({ buckets: ['payloads'], clock, ...local });
  const s3 = new S3Client(stack.clientOptions());
  const stores = resolveStores({
    payloads: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint },
    other: { bucket: 'missing-bucket', region: stack.region, endpoint: stack.endpoint },
  });
  const { signingKey, producerKey } = generateProducerKey({ issuer: 'billing', kid: 'billing-1' });
  const signer = createClaimCheckSigner(signingKey);
  const logs: Fixture['logs'] = [];
  const log =
    (level: string) =>
    (fields: object, message: string): void =>
      void logs.push({ level, fields: fields as Record<string, unknown>, message });
  const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const servers: UrlServiceServer[] = [];

  const service: Fixture['service'] = (options = {}) =>
    createUrlService({
      stores,
      verifier: createClaimCheckVerifier({ keys: [producerKey], clock }),
      callers: { [CALLER]: { types: [TYPE], prefixes: ['payloads/billing/'] } },
      credentials: stack.credentials,
      clock,
      logger,
      ...options,
    } as UrlServiceOptions);

  return {
    stack,
    s3,
    stores,
    clock,
    signer,
    producerKey,
    logs,
    service,
    async put(body, retainUntil = '2099-01-01T00:00:00Z') {
      const eventId = randomUUID();
      const key = `payloads/billing/${TYPE}/${eventId}/file`;
      const { VersionId: versionId = '' } = await s3.send(
        new PutObjectCommand({ Bucket: 'payloads', Key: key, Body: Buffer.from(body) }),
      );
      const digest = formatDigest(Buffer.from(sha256Hex(body), 'hex'));
      const size = Buffer.byteLength(body);
      const claims = {
        eventId,
        attachmentId: 'file',
        type: TYPE,
        store: 'payloads',
        key,
        versionId,
        size,
        digest,
        retainUntil,
      };
      const claimCheck = await signer.sign(claims);
      const attachment: Attachment = {
        id: 'file',
        name: 'file',
        mediaType: 'text/plain',
        size,
        digest,
        store: 'payloads',
        key,
        versionId,
        claimCheck,
        retainUntil,
      };
      return { attachment, claims };
    },
    async serve(options = {}) {
      const server = await startUrlServiceServer({
        service: service(),
        region: 'eu-central-1',
        identities: [
          { ...CALLER_KEYS, caller: CALLER },
          { ...STRANGER_KEYS, caller: 'stranger' },
        ],
        clock,
        logger,
        ...options,
      });
      servers.push(server);
      return server;
    },
    s3Calls: () => stack.spy.records('s3').map(({ operation }) => operation),
    async close() {
      await Promise.all(servers.map((server) => server.close()));
      s3.destroy();
      await stack.close();
    },
  };
}
