import { generateKeyPair, exportJWK, SignJWT } from 'jose';
import type { S3Client } from '@aws-sdk/client-s3';
import { request } from 'undici';
import { offsetClock, startLocal, type LocalIdentity, type LocalStack } from '../../../../local/index.ts';
import {
  createClaimCheckSigner,
  createFileLinks,
  createIntake,
  createPublisher,
  createUploadedFiles,
  createUploadHttp,
  createUploadService,
  generateProducerKey,
  intakeLambda,
  jwtAuthenticator,
  publishUpload,
  startUploadServer,
  type IntakeOptions,
  type UploadHttpOptions,
  type UploadPolicy,
  type UploadService,
} from '../../../../producers/index.ts';
import { createRecords, type Records } from '../../../../shared/records/index.ts';
import { systemClock } from '../../../../shared/clock.ts';

export const ORIGIN = 'http://app.test';
export const POLICY: UploadPolicy = {
  types: {
    'avatar.uploaded': { mediaTypes: ['image/*'], maxSizeBytes: 100_000 },
    'document.uploaded': {
      mediaTypes: ['text/plain', 'application/pdf', 'application/octet-stream'],
      maxSizeBytes: 100 * 1024 ** 2,
      namePattern: '[^/]+',
    },
  },
};

const OWNER: LocalIdentity = { accessKeyId: 'OWNER', secretAccessKey: 'secret of the owner' };

/** A PNG of one pixel. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of many shapes, looked at by tests
  readonly body: any;
}

/** The upload service over real HTTP, S3 and EventBridge; the intake runs behind its queue. */
export interface UploadFixture {
  readonly stack: LocalStack;
  readonly s3: S3Client;
  readonly records: Records;
  readonly service: UploadService;
  readonly clock: ReturnType<typeof offsetClock>;
  readonly url: string;
  token(owner: string, claims?: object): Promise<string>;
  call(
    method: string,
    path: string,
    options?: { owner?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer>;
  /** Waits until an upload is in one of these states. */
  settled(owner: string, uploadId: string, states?: readonly string[]): Promise<Answer>;
  /** Events on the exchange's bus. */
  events(): { id: string; type: string; data: { attachments: Record<string, unknown>[] } }[];
  close(): Promise<void>;
}

export async function startUploadFixture(
  options: {
    readonly intake?: Partial<IntakeOptions>;
    readonly http?: Partial<UploadHttpOptions>;
    readonly policy?: UploadPolicy;
    /** Who may call beside the account's owner. */
    readonly identities?: readonly LocalIdentity[];
  } = {},
): Promise<UploadFixture> {
  const clock = offsetClock(systemClock);
  const stack = await startLocal({
    clock,
    ...(options.identities === undefined ? {} : { identities: [OWNER, ...options.identities] }),
    buses: ['exchange'],
    buckets: ['control', 'payloads'],
    queues: [{ name: 'intake', deadLetterQueue: 'intake-dlq', visibilityTimeoutSeconds: 1 }],
    rules: [
      {
        bus: 'default',
        name: 'uploads',
        pattern: {
          source: ['aws.s3'],
          'detail-type': ['Object Created'],
          detail: { object: { key: [{ prefix: 'uploads/' }] } },
        },
        queue: 'intake',
      },
    ],
  });
  const connection = stack.clientOptions();
  const { region, endpoint } = stack;
  const stores = { payloads: { bucket: 'payloads', region, endpoint } };
  const records = createRecords({
    control: { bucket: 'control', region, endpoint },
    credentials: stack.credentials,
    clock,
  });
  const service = createUploadService({
    stores,
    records,
    policy: options.policy ?? POLICY,
    credentials: stack.credentials,
    clock,
  });
  const { signingKey } = generateProducerKey({ issuer: 'uploads' });
  const publisher = createPublisher({
    producer: 'uploads',
    bus: 'exchange',
    stores,
    signer: createClaimCheckSigner(signingKey),
    clock,
    ...connection,
  });
  const intake = createIntake({
    service,
    records,
    publish: async (record) => void (await publishUpload(publisher, record)),
    clock,
    ...options.intake,
  });
  const hook = stack.onQueue('intake', intakeLambda(intake), { reportBatchItemFailures: true });
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256' };
  const files = createUploadedFiles(service, { clock });
  const server = await startUploadServer({
    http: (publicUrl) =>
      createUploadHttp({
        service,
        files,
        links: createFileLinks({ records, service, files }, clock),
        authenticate: jwtAuthenticator({
          issuer: 'https://id.test',
          audience: 'uploads',
          keys: [jwk],
          nowMs: () => clock.nowMs(),
        }),
        origins: [ORIGIN],
        publicUrl,
        ...options.http,
      }),
  });

  const token = async (owner: string, claims: object = {}): Promise<string> =>
    await new SignJWT({ sub: owner, ...claims })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('https://id.test')
      .setAudience('uploads')
      .setExpirationTime(Math.floor(clock.nowMs() / 1000) + 3600)
      .sign(privateKey);

  const call: UploadFixture['call'] = async (method, path, { owner, body, headers = {} } = {}) => {
    const response = await request(path.startsWith('http') ? path : `${server.url}${path}`, {
      method: method as 'GET',
      headers: {
        ...(owner === undefined ? {} : { authorization: `Bearer ${await token(owner)}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.body.text();
    const json = String(response.headers['content-type']).includes('json');
    return {
      status: response.statusCode,
      headers: response.headers,
      text,
      body: json ? JSON.parse(text) : undefined,
    };
  };

  return {
    stack,
    s3: service.s3,
    records,
    service,
    clock,
    url: server.url,
    token,
    call,
    async settled(owner, uploadId, states = ['published', 'refused']) {
      for (let tries = 0; tries < 400; tries += 1) {
        const found = await call('GET', `/uploads/${uploadId}`, { owner });
        if (states.includes(found.body.state)) return found;
        await systemClock.sleep(25);
      }
      throw new Error(`upload ${uploadId} was never ${states.join(' or ')}`);
    },
    events: () =>
      stack.spy
        .records('event')
        .flatMap((record) => (record.bus === 'exchange' ? [record.detail() as never] : [])),
    async close() {
      await hook.stop();
      await server.close();
      await publisher.close();
      records.close();
      await stack.close();
    },
  };
}

/** Sends a PUT as it was signed. @returns the status */
export async function put(
  signed: { url: string; headers: Record<string, string> },
  bytes: Buffer,
  change: Record<string, string> = {},
): Promise<{ status: number; etag: string }> {
  const response = await request(signed.url, {
    method: 'PUT',
    headers: { ...signed.headers, ...change },
    body: bytes,
  });
  await response.body.dump();
  return { status: response.statusCode, etag: String(response.headers['etag']) };
}
