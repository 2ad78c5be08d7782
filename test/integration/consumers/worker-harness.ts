import { createHash } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  type Message,
} from '@aws-sdk/client-sqs';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { createWorker, type Worker, type WorkerEvent, type WorkerOptions } from '../../../consumers/index.ts';
import { startLocal, type LocalStack } from '../../../local/index.ts';
import {
  createClaimCheckSigner,
  generateProducerKey,
  type ClaimCheckSigner,
} from '../../../shared/claim-check.ts';
import type { AttachmentInput, WaybillEventInput } from '../../../shared/events/index.ts';
import { formatDigest } from '../../../shared/digest.ts';
import { s3ClientFor } from '../../../shared/s3-client.ts';
import { resolveStores } from '../../../shared/stores.ts';

export const TYPE = 'order.created';
export const SOURCE = 'shop';
export const events = { [TYPE]: z.object({ orderId: z.string() }) };

/** A stack with a bucket, a queue, its dead-letter queue and a rule; and the ways to put events into it. */
export interface Harness extends AsyncDisposable {
  readonly stack: LocalStack;
  readonly sqs: SQSClient;
  readonly stores: { payloads: { bucket: string; region: string; endpoint: string } };
  readonly signer: ClaimCheckSigner;
  readonly producerKey: ReturnType<typeof generateProducerKey>['producerKey'];
  /** Uploads bytes and describes them, with URL and claim check. */
  attach(eventId: string, bytes: Buffer, fields?: Partial<AttachmentInput>): Promise<AttachmentInput>;
  /** Puts a body into the queue. @returns the message id */
  send(body: string): Promise<string>;
  /** Starts a worker with quick defaults, and the way to await what it tells. */
  work(options: Partial<WorkerOptions<typeof events>>): Watched;
  /** Messages of the dead-letter queue. */
  deadLetters(count: number): Promise<Message[]>;
  /** Visible and invisible messages of the queue. */
  left(): Promise<{ visible: number; inFlight: number }>;
}

export interface Watched extends AsyncDisposable {
  readonly worker: Worker;
  readonly seen: WorkerEvent[];
  /** Resolves with the first event that fits, also one told before. */
  until<Kind extends WorkerEvent['kind']>(
    kind: Kind,
    fits?: (event: Extract<WorkerEvent, { kind: Kind }>) => boolean,
  ): Promise<Extract<WorkerEvent, { kind: Kind }>>;
}

export async function startHarness(): Promise<Harness> {
  const stack = await startLocal({
    buckets: ['payloads'],
    buses: ['waybill'],
    queues: [{ name: 'orders', deadLetterQueue: 'orders-dlq', maxReceiveCount: 20 }],
    rules: [{ bus: 'waybill', name: 'all', pattern: { source: [SOURCE] }, queue: 'orders' }],
  });
  const sqs = new SQSClient(stack.clientOptions());
  const stores = { payloads: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint } };
  const store = resolveStores(stores).get('payloads');
  const s3 = s3ClientFor(store, { credentials: stack.credentials });
  const { signingKey, producerKey } = generateProducerKey({ issuer: SOURCE });
  const signer = createClaimCheckSigner({
    issuer: SOURCE,
    kid: signingKey.kid,
    privateKey: signingKey.privateKey,
  });
  const queueUrl = stack.queueUrl('orders');
  const watched: Watched[] = [];
  const retainUntil = new Date(Date.now() + 86_400_000).toISOString();

  return {
    stack,
    sqs,
    stores,
    signer,
    producerKey,
    async attach(eventId, bytes, fields = {}) {
      const id = fields.id ?? 'a1';
      const key = `payloads/${SOURCE}/${TYPE}/${eventId}/${id}`;
      const { VersionId: versionId = '' } = await s3.send(
        new PutObjectCommand({ Bucket: 'payloads', Key: key, Body: bytes }),
      );
      const get = new GetObjectCommand({ Bucket: 'payloads', Key: key, VersionId: versionId });
      const url = await getSignedUrl(s3, get, { expiresIn: 900 });
      const digest = formatDigest(createHash('sha256').update(bytes).digest());
      const named = { store: 'payloads', key, versionId, size: bytes.length, digest };
      const claims = { eventId, attachmentId: id, type: TYPE, ...named, retainUntil };
      const now = Date.now();
      return {
        id,
        name: 'order.txt',
        ...named,
        access: {
          method: 'GET',
          url,
          issuedAt: new Date(now).toISOString(),
          expiresAt: new Date(now + 900_000).toISOString(),
        },
        claimCheck: (await signer.sign(claims)).reveal(),
        retainUntil,
        ...fields,
      };
    },
    async send(body) {
      const { MessageId = '' } = await sqs.send(
        new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }),
      );
      return MessageId;
    },
    work(options) {
      const watching = watch((onEvent) =>
        createWorker({
          queueUrl,
          stores,
          events,
          handler: async () => {},
          sqs: stack.clientOptions(),
          pollWaitSeconds: 5,
          backoff: { backoffBaseMs: 0, backoffCapMs: 0 },
          download: { retry: { maxAttempts: 3, backoffBaseMs: 1, backoffCapMs: 2 } },
          ...options,
          onEvent: (event) => {
            onEvent(event);
            options.onEvent?.(event);
          },
        }),
      );
      watched.push(watching);
      return watching;
    },
    async deadLetters(count) {
      const found: Message[] = [];
      for (let poll = 0; poll < 20 && found.length < count; poll += 1) {
        const { Messages = [] } = await sqs.send(
          new ReceiveMessageCommand({
            QueueUrl: stack.queueUrl('orders-dlq'),
            MaxNumberOfMessages: 10,
            WaitTimeSeconds: 1,
            MessageAttributeNames: ['All'],
          }),
        );
        found.push(...Messages);
      }
      return found;
    },
    async left() {
      const { Attributes = {} } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
      );
      return {
        visible: Number(Attributes['ApproximateNumberOfMessages']),
        inFlight: Number(Attributes['ApproximateNumberOfMessagesNotVisible']),
      };
    },
    async [Symbol.asyncDispose]() {
      for (const each of watched) await each.worker.stop().catch(() => undefined);
      sqs.destroy();
      s3.destroy();
      await stack.close();
    },
  };
}

/** Keeps what a worker tells, and wakes who waits for it. */
function watch(start: (onEvent: (event: WorkerEvent) => void) => Worker): Watched {
  const seen: WorkerEvent[] = [];
  const waiting = new Set<(event: WorkerEvent) => void>();
  const worker = start((event) => {
    seen.push(event);
    for (const wake of waiting) wake(event);
  });
  return {
    worker,
    seen,
    async until(kind, fits = () => true) {
      const wanted = (event: WorkerEvent): event is Extract<WorkerEvent, { kind: typeof kind }> =>
        event.kind === kind && fits(event as Extract<WorkerEvent, { kind: typeof kind }>);
      const before = seen.find(wanted);
      if (before !== undefined) return before;
      return await new Promise((resolve) => {
        const wake = (event: WorkerEvent): void => {
          if (!wanted(event)) return;
          waiting.delete(wake);
          resolve(event);
        };
        waiting.add(wake);
      });
    },
    async [Symbol.asyncDispose]() {
      await worker.stop({ deadlineMs: 100 });
    },
  };
}

/** An event on the wire. */
export function orderEvent(
  id: string,
  attachments: readonly AttachmentInput[],
  fields: Partial<WaybillEventInput> = {},
): WaybillEventInput {
  return {
    specversion: '1.0',
    waybillversion: 1,
    id,
    type: TYPE,
    source: SOURCE,
    time: new Date().toISOString(),
    data: { orderId: 'o-1', attachments: [...attachments] },
    ...fields,
  };
}

/** The body of a message, as EventBridge delivers an event to a queue. */
export function envelope(event: WaybillEventInput, fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    version: '0',
    id: uuidv7(),
    'detail-type': event.type,
    source: event.source,
    account: '000000000000',
    time: event.time,
    region: 'us-east-1',
    resources: [],
    detail: event,
    ...fields,
  });
}
