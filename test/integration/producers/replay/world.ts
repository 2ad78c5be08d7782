import { createHash } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { v7 as uuidv7 } from 'uuid';
import { offsetClock, startLocal, type LocalStack, type OffsetClock } from '../../../../local/index.ts';
import {
  createLedger,
  eventsFromLedger,
  replay,
  type ReplayOptions,
  type ReplayReport,
  type ReplaySource,
} from '../../../../producers/index.ts';
import { formatDigest } from '../../../../shared/digest.ts';
import {
  parseEvent,
  type AttachmentInput,
  type WaybillEvent,
  type WaybillEventInput,
} from '../../../../shared/events/index.ts';
import { createRecords, type Records } from '../../../../shared/records/index.ts';
import type { StoresOptions } from '../../../../shared/stores.ts';
import { consumerRulePattern } from '../../../../shared/topology.ts';

export const DAY_MS = 86_400_000;
export const BUS = 'waybill';

/** An exchange with two consumers, and a ledger that was written a week ago. */
export interface ReplayWorld extends AsyncDisposable {
  readonly stack: LocalStack;
  readonly s3: S3Client;
  readonly clock: OffsetClock;
  readonly records: Records;
  readonly stores: StoresOptions;
  /** Uploads a payload. */
  attach(bytes: Buffer, fields?: Partial<AttachmentInput>): Promise<AttachmentInput>;
  /** Writes events into the ledger as published now, by the world's clock. */
  publish(events: readonly WaybillEvent[]): Promise<void>;
  /** All of the ledger. */
  source(): ReplaySource;
  /** Replays everything. */
  replay(options?: Partial<ReplayOptions>): Promise<ReplayReport>;
  /** How many events the bus has taken. */
  taken(): number;
  /** Events that a consumer's queue got, in order. */
  got(consumer: string): WaybillEventInput[];
}

export async function startReplayWorld(): Promise<ReplayWorld> {
  const clock = offsetClock();
  const startMs = clock.nowMs();
  const consumers = ['billing', 'shipping'];
  const stack = await startLocal({
    clock,
    buckets: ['payloads', 'waybill-control'],
    buses: [BUS],
    queues: consumers.map((name) => ({ name, deadLetterQueue: `${name}-dlq` })),
    rules: consumers.map((name) => ({ bus: BUS, name, pattern: consumerRulePattern({ name }), queue: name })),
    archives: [{ name: 'archive', bus: BUS }],
  });
  const s3 = new S3Client(stack.clientOptions());
  const at = { region: stack.region, endpoint: stack.endpoint };
  const stores = { payloads: { bucket: 'payloads', ...at } };
  const records = createRecords({
    control: { bucket: 'waybill-control', ...at },
    credentials: stack.credentials,
    retry: { maxAttempts: 3, backoffBaseMs: 1, backoffCapMs: 2 },
  });
  const ledger = createLedger(records, { producer: 'shop', clock });
  const source = (): ReplaySource =>
    eventsFromLedger(records, {
      from: new Date(startMs - 30 * DAY_MS),
      to: new Date(startMs + 30 * DAY_MS),
    });
  return {
    stack,
    s3,
    clock,
    records,
    stores,
    source,
    async attach(bytes, fields = {}) {
      const key = fields.key ?? `payloads/shop/${uuidv7()}`;
      const { VersionId: versionId = '' } = await s3.send(
        new PutObjectCommand({ Bucket: 'payloads', Key: key, Body: bytes }),
      );
      return {
        id: 'a1',
        name: 'invoice.pdf',
        size: bytes.length,
        digest: formatDigest(createHash('sha256').update(bytes).digest()),
        store: 'payloads',
        key,
        versionId,
        claimCheck: 'e30.e30.c2ln',
        retainUntil: new Date(clock.nowMs() + 30 * DAY_MS).toISOString(),
        ...fields,
      };
    },
    publish: async (events) => {
      await Promise.all(events.map((event) => ledger.add({ event, eventBridgeId: uuidv7(), bus: BUS })));
    },
    replay: async (options = {}) =>
      await replay({
        source: source(),
        bus: BUS,
        records,
        stores,
        credentials: stack.credentials,
        region: stack.region,
        endpoint: stack.endpoint,
        ratePerSecond: 1_000_000,
        retry: { maxAttempts: 3, backoffBaseMs: 1, backoffCapMs: 2 },
        clock,
        ...options,
      }),
    // S3 tells of every object on the default bus.
    taken: () => stack.spy.records('event').filter(({ bus }) => bus === BUS).length,
    got: (consumer) =>
      stack.spy
        .records('message')
        .filter(({ queue }) => queue === consumer)
        .map((record) => (JSON.parse(record.body()) as { detail: WaybillEventInput }).detail),
    async [Symbol.asyncDispose]() {
      records.close();
      s3.destroy();
      await stack.close();
    },
  };
}

/** An event as it was published. */
export function eventOf(
  attachments: readonly AttachmentInput[] = [],
  fields: Partial<WaybillEventInput> = {},
): WaybillEvent {
  return parseEvent({
    specversion: '1.0',
    waybillversion: 1,
    id: uuidv7(),
    type: 'invoice.created',
    source: 'shop',
    time: '2026-11-01T12:00:00Z',
    data: { number: 'i-1', attachments: [...attachments] },
    ...fields,
  });
}
