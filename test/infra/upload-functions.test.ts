import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startLocal,
  type EventRecord,
  type LambdaHook,
  type LocalStack,
  type SpyRecord,
} from '../../local/index.ts';
import {
  createClaimCheckVerifier,
  generateProducerKey,
  serialiseSigningKey,
  type ProducerKey,
} from '../../shared/claim-check.ts';
import { bundleOf, type Bundle } from './bundling.ts';
import { startSecretsManager, type SecretsManager } from './secrets-manager.ts';

const ISSUER = 'https://login.example.com';
const SECRET = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:uploads-AbCdEf';
const PDF = Buffer.from('%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n');
const UPLOADS = {
  types: { 'form.uploaded': { mediaTypes: ['application/pdf'], maxSizeBytes: 1_000_000 } },
};

/** An HTTP API's event as it was recorded, of another request. */
function recorded(method: string, path: string, token: string | undefined, body?: object) {
  const url = new URL('../fixtures/lambda/http-api-jwt.json', import.meta.url);
  const event = JSON.parse(readFileSync(url, 'utf8'));
  return {
    ...event,
    routeKey: `${method} ${path}`,
    rawPath: path,
    headers: { ...event.headers, authorization: `Bearer ${token ?? 'a.b.c'}` },
    requestContext: { ...event.requestContext, http: { ...event.requestContext.http, method, path } },
    body: body === undefined ? '' : JSON.stringify(body),
  };
}

describe("the upload service's functions, bundled", () => {
  const bundles: Record<'http' | 'intake' | 'sweep', Bundle> = {
    http: bundleOf('producers/upload-service/http-entry'),
    intake: bundleOf('producers/upload-service/intake-entry'),
    sweep: bundleOf('producers/upload-service/sweep-entry'),
  };
  let stack: LocalStack;
  let secrets: SecretsManager;
  let keys: Server;
  let privateKey: CryptoKey;
  let producerKey: ProducerKey;
  let hook: LambdaHook;
  let http: (event: unknown) => Promise<any>;
  let sweep: (event: unknown) => Promise<any>;

  beforeAll(async () => {
    stack = await startLocal({
      buckets: ['payloads', 'control'],
      buses: ['exchange'],
      queues: [{ name: 'intake', deadLetterQueue: 'intake-dlq', visibilityTimeoutSeconds: 1 }],
      rules: [
        {
          bus: 'default',
          name: 'uploads',
          pattern: {
            source: ['aws.s3'],
            'detail-type': ['Object Created'],
            detail: { bucket: { name: ['payloads'] }, object: { key: [{ prefix: 'uploads/' }] } },
          },
          queue: 'intake',
        },
      ],
    });
    secrets = await startSecretsManager();
    const made = generateProducerKey({ issuer: 'uploads' });
    producerKey = { ...made.producerKey, prefixes: ['uploads/'] };
    secrets.put(SECRET, 'v1', serialiseSigningKey(made.signingKey));
    const pair = await generateKeyPair('ES256', { extractable: true });
    ({ privateKey } = pair);
    const jwk = { ...(await exportJWK(pair.publicKey)), alg: 'ES256' };
    keys = createServer((_request, response) => void response.end(JSON.stringify({ keys: [jwk] })));
    keys.listen(0, '127.0.0.1');
    await once(keys, 'listening');

    const { region, endpoint, credentials } = stack;
    const env = {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: region,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
      AWS_ENDPOINT_URL_EVENTBRIDGE: endpoint,
      WAYBILL_LOG_LEVEL: 'silent',
      WAYBILL_STORES: JSON.stringify({ payloads: { bucket: 'payloads', region, endpoint } }),
      WAYBILL_CONTROL: JSON.stringify({ bucket: 'control', region, endpoint }),
      WAYBILL_UPLOAD_POLICY: JSON.stringify(UPLOADS),
      WAYBILL_TOKENS: JSON.stringify({
        issuer: ISSUER,
        audience: 'uploads',
        keysUrl: `http://127.0.0.1:${(keys.address() as AddressInfo).port}/keys`,
      }),
      WAYBILL_PUBLIC_URL: 'https://uploads.example.com/',
      WAYBILL_BUS: 'exchange',
      WAYBILL_PRODUCER: 'uploads',
      WAYBILL_SIGNING_KEY_SECRET: SECRET,
      WAYBILL_RETAIN_DAYS: '73',
    };
    http = bundles.http.load(env).handler;
    sweep = bundles.sweep.load(env).handler;
    const intake = bundles.intake.load(env);
    hook = stack.onQueue('intake', intake.handler, { reportBatchItemFailures: true });
  });
  afterAll(async () => {
    await hook.stop();
    keys.close();
    keys.closeAllConnections();
    await secrets[Symbol.asyncDispose]();
    await stack.close();
  });

  const token = async (): Promise<string> =>
    await new SignJWT({ sub: 'ann' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(ISSUER)
      .setAudience('uploads')
      .setExpirationTime('1h')
      .sign(privateKey);
  const wanted = {
    name: 'form.pdf',
    mediaType: 'application/pdf',
    type: 'form.uploaded',
    size: PDF.byteLength,
  };
  const open = async () => {
    const answer = await http(recorded('POST', '/uploads', await token(), wanted));
    expect(answer.statusCode).toBe(201);
    return JSON.parse(answer.body);
  };

  it.each(Object.entries(bundles))('hold nothing twice: %s', (_name, { sizeBytes, packages }) => {
    expect(sizeBytes).toBeLessThan(2_500_000);
    expect(packages.filter((path) => path.lastIndexOf('node_modules/') > 0)).toEqual([]);
  });

  it('refuse whom the issuer does not know', async () => {
    expect((await http(recorded('POST', '/uploads', undefined, wanted))).statusCode).toBe(401);
  });

  it('open an upload, take it in when S3 tells of it, and publish an event whose claim check holds', async () => {
    const { uploadId, eventId, put } = await open();
    const sent = await request(put.url, { method: 'PUT', headers: put.headers, body: PDF });
    await sent.body.dump();
    expect(sent.statusCode).toBe(200);
    const isEvent = (record: SpyRecord): record is EventRecord =>
      record.kind === 'event' && record.bus === 'exchange';
    const event = (await stack.spy.waitFor(isEvent, { timeoutMs: 30_000 })).detail() as any;
    expect(event).toMatchObject({ id: eventId, source: 'uploads', type: 'form.uploaded' });
    const [attachment] = event.data.attachments;
    expect(attachment).toMatchObject({ name: 'form.pdf', key: `uploads/${uploadId}/content` });
    const verifier = createClaimCheckVerifier({ keys: [producerKey] });
    await expect(verifier.verify(attachment.claimCheck)).resolves.toMatchObject({ eventId });
  });

  it('lead a link to the address that the API has', async () => {
    const { uploadId } = await open();
    const path = `/files/${uploadId}/links`;
    // It is not there yet: a link to nothing is refused, and the page of a wrong secret says so too.
    expect((await http(recorded('POST', path, await token(), {}))).statusCode).toBe(409);
    const page = await http(recorded('GET', '/d/none', undefined));
    expect([page.statusCode, page.headers['content-type']]).toEqual([
      404,
      expect.stringContaining('text/html'),
    ]);
  });

  it('leave alone what is still open', async () => {
    expect(await sweep({})).toEqual({ aborted: [], stuck: [] });
  });
});
