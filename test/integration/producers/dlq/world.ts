import {
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  type MessageAttributeValue,
} from '@aws-sdk/client-sqs';
import { v7 as uuidv7 } from 'uuid';
import { startLocal, type LocalStack } from '../../../../local/index.ts';
import { createDeadLetterQueue, type DeadLetterQueue } from '../../../../producers/index.ts';
import { toJwtPayload } from '../../../../shared/claim-check-claims.ts';
import { DEFAULT_AUDIENCE } from '../../../../shared/claim-check.ts';
import { rejectId } from '../../../../shared/dead-letter.ts';

/** A stack with two consumers' queues that share nothing, and a dead-letter queue of EventBridge's own. */
export interface DlqWorld extends AsyncDisposable {
  readonly stack: LocalStack;
  readonly sqs: SQSClient;
  /** Opens a dead-letter queue by its name. */
  open(name: string): DeadLetterQueue;
  send(queue: string, body: string, attributes?: Record<string, string>): Promise<void>;
  /** Visible and hidden messages of a queue. */
  count(queue: string): Promise<{ visible: number; hidden: number }>;
  /** Bodies and attributes that were put into a queue, by the spy. */
  bodies(queue: string): string[];
}

export async function startDlqWorld(): Promise<DlqWorld> {
  const stack = await startLocal({
    buses: ['waybill'],
    queues: [
      { name: 'orders', deadLetterQueue: 'orders-dlq', maxReceiveCount: 2 },
      { name: 'billing' },
      { name: 'target-dlq' },
    ],
  });
  const sqs = new SQSClient({ ...stack.clientOptions(), maxAttempts: 1 });
  const opened: DeadLetterQueue[] = [];
  return {
    stack,
    sqs,
    open(name) {
      const queue = createDeadLetterQueue({ queueUrl: stack.queueUrl(name), sqs, pollWaitSeconds: 0 });
      opened.push(queue);
      return queue;
    },
    async send(queue, body, attributes = {}) {
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: stack.queueUrl(queue),
          MessageBody: body,
          MessageAttributes: asAttributes(attributes),
        }),
      );
    },
    async count(queue) {
      const { Attributes = {} } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: stack.queueUrl(queue), AttributeNames: ['All'] }),
      );
      return {
        visible: Number(Attributes['ApproximateNumberOfMessages']),
        hidden: Number(Attributes['ApproximateNumberOfMessagesNotVisible']),
      };
    },
    bodies: (queue) =>
      stack.spy
        .records('message')
        .filter((record) => record.queue === queue)
        .map((record) => record.body()),
    async [Symbol.asyncDispose]() {
      for (const queue of opened) await queue.close();
      sqs.destroy();
      await stack.close();
    },
  };
}

export function asAttributes(values: Record<string, string>): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(values).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
  );
}

/** Ends every claim check; no tool may print it. */
export const CLAIM_CHECK_SIGNATURE = 'c2VjcmV0LWNsYWltLWNoZWNr';

/** A payload that nobody fetches. */
const attachment = {
  id: 'a1',
  name: 'order.pdf',
  size: 3,
  digest: `sha-256=:${'A'.repeat(43)}=:`,
  store: 'payloads',
  key: 'payloads/shop/1',
  versionId: 'v1',
  retainUntil: '2027-01-01T00:00:00Z',
};

/** What an event says of its payload, as its producer signed it; nobody here asks for the signature. */
function claimCheckOf(eventId: string, type: string): string {
  const { id: attachmentId, name: _name, ...payload } = attachment;
  const claims = toJwtPayload({ eventId, attachmentId, type, ...payload }, 'shop', DEFAULT_AUDIENCE);
  const segments = [{ alg: 'EdDSA' }, claims].map((each) => Buffer.from(JSON.stringify(each)));
  return [...segments.map((each) => each.toString('base64url')), CLAIM_CHECK_SIGNATURE].join('.');
}

/** An event's envelope, as EventBridge delivers it. */
export function envelopeOf(fields: { type?: string; id?: string; subject?: string } = {}): string {
  const { type = 'order.created', id = uuidv7(), subject } = fields;
  return JSON.stringify({
    version: '0',
    id: uuidv7(),
    'detail-type': type,
    source: 'shop',
    account: '000000000000',
    time: '2026-11-20T10:00:00Z',
    region: 'us-east-1',
    resources: [],
    detail: {
      specversion: '1.0',
      waybillversion: 1,
      id,
      type,
      source: 'shop',
      time: '2026-11-20T10:00:00Z',
      ...(subject === undefined ? {} : { subject }),
      data: { total: 7, attachments: [{ ...attachment, claimCheck: claimCheckOf(id, type) }] },
    },
  });
}

/** The attribute of a message that a worker rejected. */
export function rejected(code: string, reason: string, id: string = uuidv7()): Record<string, string> {
  return {
    'waybill.reject': JSON.stringify({
      rejectId: rejectId('q', id),
      code,
      reason,
      consumer: 'orders',
      at: '2026-11-20T10:00:00Z',
      receiveCount: 1,
    }),
  };
}

/** Sends many messages, ten a call. */
export async function sendAll(sqs: SQSClient, QueueUrl: string, bodies: readonly string[]): Promise<void> {
  for (let at = 0; at < bodies.length; at += 10) {
    const Entries = bodies
      .slice(at, at + 10)
      .map((MessageBody, index) => ({ Id: String(index), MessageBody }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  }
}
